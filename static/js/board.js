// Folds the services of a queue, and remembers which in this browser. Without this script all are shown.
(() => {
  "use strict";

  const KEY = "board-folded";
  const read = () => {
    try {
      return new Set(JSON.parse(localStorage.getItem(KEY) || "[]"));
    } catch {
      return new Set();
    }
  };
  // A browser that may store nothing folds all the same, until it is reloaded.
  const keep = (names) => {
    try {
      localStorage.setItem(KEY, JSON.stringify([...names]));
    } catch {
      return;
    }
  };
  const folded = read();

  const show = (body, button) => {
    const isFolded = folded.has(body.dataset.queue);
    body.classList.toggle("is-folded", isFolded);
    button.setAttribute("aria-expanded", String(!isFolded));
    button.textContent = isFolded ? "▸" : "▾";
  };

  const furnish = () => {
    for (const place of document.querySelectorAll("[data-fold]")) {
      const body = place.closest("tbody");
      const button = document.createElement("button");
      button.type = "button";
      button.id = `fold-${body.id}`;
      button.setAttribute("aria-label", body.dataset.queue || "–");
      button.addEventListener("click", () => {
        const name = body.dataset.queue;
        if (!folded.delete(name)) folded.add(name);
        keep(folded);
        show(body, button);
      });
      place.replaceChildren(button);
      show(body, button);
    }
  };

  // The focus goes with the part that is replaced, and these buttons are not in the answer that replaces it.
  let focused = "";
  document.body.addEventListener("htmx:beforeSwap", () => {
    focused = document.activeElement?.id || "";
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    furnish();
    if (focused.startsWith("fold-")) document.getElementById(focused)?.focus();
  });
  // What has an id gets its attributes from the answer only now, and with them loses what was said of it since.
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const place of document.querySelectorAll("[data-fold]")) {
      const body = place.closest("tbody");
      body.classList.toggle("is-folded", folded.has(body.dataset.queue));
    }
  });
  furnish();
})();

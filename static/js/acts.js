// The acts on one callback: where the focus goes, how a form is closed, and that the page shows at once what was done.
(() => {
  "use strict";

  const panel = () => document.getElementById("act-panel");

  const opener = (card) => document.getElementById(`act-${card?.dataset.act}`);

  // A link leads away where there is no panel to close: on the page of one act.
  const close = (event) => {
    const box = panel();
    const bar = box?.closest(".acts-bar");
    if (!bar || !box.firstElementChild) return;
    event.preventDefault();
    const button = opener(box.querySelector("#act-card"));
    box.replaceChildren();
    (button ?? bar.querySelector("a"))?.focus();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-act]")) close(event);
  });
  document.addEventListener("keydown", (event) => {
    // Wherever the focus is: the form may have opened a moment before the focus went into it.
    if (event.key === "Escape") close(event);
  });

  // Another day, or another service, is shown as soon as it is chosen.
  const shows = { id_day: "show-day", id_service: "show-service" };
  document.addEventListener("change", (event) => {
    const button = document.getElementById(shows[event.target.id]);
    if (button && event.target.value) event.target.form.requestSubmit(button);
  });

  document.body.addEventListener("htmx:afterSettle", (event) => {
    const box = panel();
    if (event.detail.target !== box || box.contains(document.activeElement)) return;
    const first = ["[autofocus]", "input:not([type=hidden]):not(:disabled)", "h2"];
    first.map((found) => box.querySelector(found)).find(Boolean)?.focus();
  });

  document.body.addEventListener("callback-changed", () => {
    // Also one that is over, and does not refresh itself: a note may have been written.
    if (!document.getElementById("live-part")) return;
    htmx.ajax("GET", window.location.pathname, { target: "#live-part", swap: "outerHTML" });
  });
})();

/* Under an option: what its text amounts to now, kept as it is typed. The server works it out and stores nothing. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const place of document.querySelectorAll(".option-preview")) keep(place);

  function keep(place) {
    const form = place.closest("form"), row = place.closest(".option-row");
    let timer = 0, running = null;

    async function ask() {
      running?.abort();
      running = new AbortController();
      place.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(place.dataset.url, {
          method: "POST", body: new FormData(form), signal: running.signal, redirect: "error", credentials: "same-origin",
        });
        if (!answer.ok) throw new Error(String(answer.status));
        place.innerHTML = await answer.text();
        place.hidden = !place.textContent.trim();
      } catch (error) {
        if (error.name === "AbortError") return;
        place.textContent = "The preview could not be had. Are you still signed in?";
        place.hidden = false;
      }
      place.removeAttribute("aria-busy");
    }

    form.addEventListener("input", (event) => {
      // The statistics of a condition are those of the line in which callbacks wait.
      if (!row.contains(event.target) && !event.target.closest('[data-option="_urs_virtual_queue"]')) return;
      clearTimeout(timer);
      timer = setTimeout(ask, 400);
    });
    ask();
  }
});

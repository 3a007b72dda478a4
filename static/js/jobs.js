// Ticking all callbacks of a page, also over its refreshes; and fetching a file that was asked for, once.
(() => {
  "use strict";
  if (window.callbackJobs) return;
  window.callbackJobs = true;

  // ---- the list
  const boxes = () => document.querySelectorAll('input[type="checkbox"][name="id"][form="bulk"], #bulk input[type="checkbox"][name="id"]');
  const ticked = new Set();

  // By what a person did: a refresh brings rows without ticks, and may bring them without some rows.
  const show = () => {
    const all = document.querySelector("[data-tick-all]");
    if (!all) return;
    all.closest(".bulk-all").hidden = false;
    let count = 0;
    for (const box of boxes()) {
      box.checked = ticked.has(box.value);
      count += box.checked;
    }
    const shown = boxes().length;
    all.disabled = shown === 0;
    all.checked = shown > 0 && count === shown;
    all.indeterminate = count > 0 && count < shown;
    const words = document.querySelector("[data-ticked]");
    const text = count ? `${words.dataset.ticked} ${count}` : "";
    if (words.textContent !== text) words.textContent = text;
  };

  const tick = (box) => (box.checked ? ticked.add(box.value) : ticked.delete(box.value));

  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-tick-all]")) {
      for (const box of boxes()) {
        box.checked = event.target.checked;
        tick(box);
      }
    } else if (event.target.matches?.('input[type="checkbox"][name="id"]')) {
      tick(event.target);
    } else {
      return;
    }
    show();
  });
  document.addEventListener("htmx:afterSwap", show);
  // A browser that goes back fills boxes in again.
  window.addEventListener("pageshow", () => {
    boxes().forEach((box) => box.checked && ticked.add(box.value));
    show();
  });

  // ---- the page of a download: what was asked for is fetched without another click
  const fetchFile = () => {
    const form = document.querySelector("form[data-fetch-at-once]");
    if (!form || form.dataset.fetched) return;
    form.dataset.fetched = "yes";
    form.requestSubmit();
    form.hidden = true;
  };
  window.addEventListener("load", fetchFile);
})();

// Says whether the page is live, lets clocks run between two refreshes, keeps folds open over a refresh, and refreshes
// at once when somebody looks again or the connection is back.
(() => {
  "use strict";

  // ---- is what stands here still true?
  let lastAnswer = Date.now();
  let failed = false;

  const livePart = () => document.querySelector("[data-refresh]");

  const showLive = () => {
    const marker = document.getElementById("live");
    if (!marker) return;
    const part = livePart();
    if (!part) {
      marker.remove();
      return;
    }
    // Two refreshes may be late (a slow answer, a tab in the background) before the reader is told.
    const late = Date.now() - lastAnswer > (Number(part.dataset.refresh) * 2 + 6) * 1000;
    const live = !failed && !late;
    const { lang, dataset } = document.documentElement;
    const clock = { hour12: false, timeZone: dataset.zone };
    const since = new Date(lastAnswer).toLocaleTimeString(lang, clock);
    const text = live ? marker.dataset.live : marker.dataset.notLive.replace("{time}", since);
    if (marker.textContent !== text) marker.textContent = text;
    marker.classList.toggle("is-live", live);
    marker.classList.toggle("is-not-live", !live);
  };

  // A request that was given up for a newer one is neither an answer nor a failure.
  // The banner of pauses asks for itself: that it was answered says nothing of what stands on the page.
  const isBanner = (event) => event.detail.elt.classList.contains("pauses-watch");
  const onAnswer = (event) => {
    if (!event.detail.successful || isBanner(event)) return;
    failed = false;
    lastAnswer = Date.now();
    readServerClock(event.detail.xhr);
    showLive();
  };
  const onFailure = (event) => {
    if (isBanner(event)) return;
    failed = true;
    showLive();
  };

  // ---- clocks: "for 3:07", counted by the server's clock
  let offset = Number(document.body.dataset.now) * 1000 - Date.now();

  // An answer is always older than it says: of several the freshest counts. A leap is a clock that was set.
  const readServerClock = (answer) => {
    const stamp = Number(answer.getResponseHeader("X-Server-Time")) * 1000;
    if (!stamp) return;
    const found = stamp - Date.now();
    if (found > offset || offset - found > 2000) offset = found;
  };

  const pad = (number) => String(number).padStart(2, "0");

  const runClocks = () => {
    const now = Date.now() + offset;
    for (const clock of document.querySelectorAll("[data-since], [data-until]")) {
      const span = clock.dataset.since ? now - clock.dataset.since * 1000 : clock.dataset.until * 1000 - now;
      const seconds = Math.max(0, Math.floor(span / 1000));
      const hours = Math.floor(seconds / 3600);
      const minutes = Math.floor(seconds / 60) % 60;
      clock.textContent = (hours ? `${hours}:${pad(minutes)}` : minutes) + `:${pad(seconds % 60)}`;
    }
  };

  // ---- folds
  const open = new Set();
  const rememberFolds = () => {
    open.clear();
    for (const fold of document.querySelectorAll("details[id][open]")) open.add(fold.id);
  };
  const restoreFolds = () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  };

  // ---- somebody looks again, a laptop wakes, the network is back: what stands here may be old
  const refreshNow = () => {
    const part = livePart();
    if (!part) return;
    // What was asked before the sleep may never be answered, and would hold the next question up.
    if (Date.now() - lastAnswer > 5000) htmx.trigger(part, "htmx:abort");
    htmx.trigger(part, "refresh");
  };
  window.addEventListener("online", refreshNow);
  window.addEventListener("pageshow", (event) => event.persisted && refreshNow());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refreshNow());
  document.addEventListener("resume", refreshNow);

  document.body.addEventListener("htmx:afterRequest", onAnswer);
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(name, onFailure);
  }
  document.body.addEventListener("htmx:beforeSwap", rememberFolds);
  document.body.addEventListener("htmx:afterSwap", () => {
    restoreFolds();
    runClocks();
    showLive();
  });
  setInterval(() => {
    runClocks();
    showLive();
  }, 1000);
  runClocks();
  showLive();
})();

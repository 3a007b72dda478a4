// Arrow keys in the calendar, and what is chosen kept in sight, also when a refresh puts the grid in anew.
(() => {
  "use strict";

  const grid = () => document.querySelector("[data-roving]");
  const cells = () => [...grid().querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("a")));

  // One of the slots is a stop of the Tab key: the one that was last in focus, the chosen one, or the first.
  let last = "";
  const rove = () => {
    if (!grid()) return;
    const links = [...grid().querySelectorAll("tbody a")];
    const stop = document.getElementById(last) ?? grid().querySelector("[aria-selected] a") ?? links.find((link) => !link.matches(".is-past, .slot-closed")) ?? links[0];
    for (const link of links) link.tabIndex = link === stop ? 0 : -1;
  };

  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  // The next slot in that direction; what clocks skip is stepped over.
  const next = (link, [down, right]) => {
    const rows = cells();
    let y = rows.findIndex((row) => row.includes(link));
    let x = rows[y].indexOf(link);
    do {
      y += down;
      x += right;
    } while (rows[y] && x in rows[y] && !rows[y][x]);
    return rows[y]?.[x];
  };

  const edge = (link, key) => {
    const row = cells().find((each) => each.includes(link)).filter(Boolean);
    return key === "Home" ? row[0] : row[row.length - 1];
  };

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("[data-roving] tbody a");
    if (event.key === "Escape" && event.target.closest(".calendar-panel, .calendar-block")) {
      grid()?.querySelector("[aria-selected] a")?.focus();
    }
    if (!link) return;
    const to = event.key in STEPS ? next(link, STEPS[event.key]) : ["Home", "End"].includes(event.key) ? edge(link, event.key) : null;
    if (event.key in STEPS || to) event.preventDefault();
    to?.focus();
  });

  document.addEventListener("focusin", (event) => {
    if (!event.target.closest("[data-roving] tbody a")) return;
    last = event.target.id;
    rove();
  });

  // ---- where the grid was scrolled to
  const scroller = () => document.querySelector(".calendar-scroll");
  let scrolled = [0, 0];
  document.body.addEventListener("htmx:beforeSwap", () => {
    scrolled = [scroller()?.scrollLeft ?? 0, scroller()?.scrollTop ?? 0];
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    scroller()?.scrollTo(...scrolled);
    rove();
  });

  const chosen = grid()?.querySelector("[aria-selected] a");
  const current = chosen ?? grid()?.querySelector("tbody a:not(.is-past)");
  const box = scroller();
  if (current && box) {
    box.scrollTop = current.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
  }
  const panel = document.getElementById("slot-panel");
  if (panel) {
    const narrow = box && getComputedStyle(box).display === "none";
    panel.focus({ preventScroll: !narrow });
  }
  rove();
})();

/* A grid of days and times for the editors of office hours and capacity: moving, choosing a range, by mouse, touch and
   keyboard. What the cells mean and what happens to a chosen range is the editor's. */
"use strict";

const HOLD = 350; // ms after which a finger that rests on a cell chooses instead of scrolling
const STRAY = 8; // px that a finger may move meanwhile

/**
 * `days`: one { name, short } for each row. `columns`: cells in a row. `says(row, column)`: the name of a cell.
 * `chosen(range, how)`: a range was chosen, `how` is "pointer", "tap" or "keys". `choosing(range)`: while it is.
 * `pressed(event, range)`: any other key; true when it was used. A range is { top, bottom, left, right, row, column },
 * the last two being where it began.
 */
function timeGrid(place, { label, days, columns, says, chosen = () => {}, choosing = () => {}, pressed = () => false }) {
  const made = (name, style, attributes = {}) => {
    const element = document.createElement(name);
    element.className = style;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  const frame = made("div", "grid-frame");
  const scale = made("div", "grid-scale", { "aria-hidden": "true" });
  for (let hour = 0; hour < 24; hour += 1) {
    const mark = made("span", "");
    mark.textContent = String(hour).padStart(2, "0");
    scale.append(mark);
  }
  const grid = made("div", "grid-days", { role: "grid", "aria-label": label, "aria-multiselectable": "true" });
  const cells = [], tracks = [], heads = [];
  days.forEach((day, row) => {
    const line = made("div", "grid-day", { role: "row" });
    const head = made("div", "grid-name", { role: "rowheader" });
    head.textContent = day.short;
    if (day.name !== day.short) head.setAttribute("aria-label", day.name);
    const track = made("div", "grid-track", { role: "presentation" });
    cells.push([]);
    for (let column = 0; column < columns; column += 1) {
      const cell = made("div", "grid-cell", { role: "gridcell", tabindex: "-1" });
      cell.dataset.at = `${row},${column}`;
      if ((column * 24) % columns === 0) cell.classList.add("on-hour");
      cells[row].push(cell);
      track.append(cell);
    }
    line.append(head, track);
    grid.append(line);
    heads.push(head);
    tracks.push(track);
  });
  frame.append(scale, grid);
  place.replaceChildren(frame);
  // A grid that was in this place before stops listening.
  place.gone?.abort();
  place.gone = new AbortController();
  const { signal } = place.gone;

  let from = { row: 0, column: 0 }, to = from;
  const range = () => ({
    top: Math.min(from.row, to.row), bottom: Math.max(from.row, to.row),
    left: Math.min(from.column, to.column), right: Math.max(from.column, to.column), ...from,
  });

  function show() {
    const { top, bottom, left, right } = range();
    cells.forEach((line, row) => line.forEach((cell, column) => {
      const inside = row >= top && row <= bottom && column >= left && column <= right;
      cell.setAttribute("aria-selected", String(inside));
      cell.tabIndex = row === to.row && column === to.column ? 0 : -1;
    }));
  }

  function choose(row, column, { extend = false, focus = true } = {}) {
    to = { row: Math.max(0, Math.min(days.length - 1, row)), column: Math.max(0, Math.min(columns - 1, column)) };
    if (!extend) from = to;
    show();
    if (focus) cells[to.row][to.column].focus({ preventScroll: pointer !== null });
  }

  // --- mouse and touch ----------------------------------------------------------------------------------------------

  let pointer = null; // the one that chooses, while it does
  let timer = 0, start = null;

  const under = (event) => {
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest(".grid-cell");
    return cell && grid.contains(cell) ? cell.dataset.at.split(",").map(Number) : null;
  };

  function begin(event) {
    const at = under(event);
    if (!at) return;
    pointer = event.pointerId;
    choose(at[0], at[1], { extend: event.shiftKey });
    grid.classList.add("choosing");
    choosing(range());
  }

  function end() {
    clearTimeout(timer);
    start = pointer = null;
    grid.classList.remove("choosing");
  }

  grid.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || pointer !== null || !event.target.closest(".grid-cell")) return;
    event.preventDefault();
    if (event.pointerType !== "touch") { begin(event); return; }
    start = event;
    timer = setTimeout(() => { begin(event); navigator.vibrate?.(10); }, HOLD);
  });
  document.addEventListener("pointermove", (event) => {
    if (start && pointer === null && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > STRAY) end();
    if (event.pointerId !== pointer) return;
    const at = under(event);
    if (!at || (at[0] === to.row && at[1] === to.column)) return;
    choose(at[0], at[1], { extend: true });
    choosing(range());
  }, { signal });
  document.addEventListener("pointerup", (event) => {
    if (event.pointerId === pointer) {
      end();
      chosen(range(), "pointer");
    } else if (start && event.pointerId === start.pointerId) {
      const at = under(event);
      end();
      if (!at) return;
      choose(at[0], at[1]);
      chosen(range(), "tap");
    }
  }, { signal });
  document.addEventListener("pointercancel", () => { if (start || pointer !== null) { end(); choosing(null); } }, { signal });
  // A finger that chooses must not scroll the page; one that only passes over must.
  grid.addEventListener("touchmove", (event) => { if (pointer !== null) event.preventDefault(); }, { passive: false });
  grid.addEventListener("contextmenu", (event) => { if (start) event.preventDefault(); });

  // A screen reader may go to a cell by itself.
  grid.addEventListener("focusin", (event) => {
    const [row, column] = event.target.dataset.at.split(",").map(Number);
    if (row === to.row && column === to.column) return;
    choose(row, column, { focus: false });
    chosen(range(), "keys");
  });

  // --- keyboard -----------------------------------------------------------------------------------------------------

  grid.addEventListener("keydown", (event) => {
    if (event.altKey) return;
    // On a narrow screen the days stand beside each other.
    const days_below = getComputedStyle(grid).flexDirection === "column";
    const arrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    let { row, column } = to;
    if (event.key in arrows && !event.ctrlKey && !event.metaKey) {
      const [down, right] = arrows[event.key];
      row += days_below ? down : right;
      column += days_below ? right : down;
    } else if (event.key === "Home") {
      column = 0;
      if (event.ctrlKey) row = 0;
    } else if (event.key === "End") {
      column = columns - 1;
      if (event.ctrlKey) row = days.length - 1;
    } else if (event.key === "Escape") {
      // Back to one cell.
    } else {
      if (pressed(event, range())) event.preventDefault();
      return;
    }
    event.preventDefault();
    choose(row, column, { extend: event.shiftKey && event.key !== "Escape" });
    chosen(range(), "keys");
  });

  /** Say anew what every cell is. */
  function name() {
    cells.forEach((line, row) => line.forEach((cell, column) => cell.setAttribute("aria-label", says(row, column))));
  }

  show();
  name();
  return { cells, tracks, heads, grid, name, choose, range };
}

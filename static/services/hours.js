/* The week of office hours, painted. The option inputs are the only truth: it is read from them and written into them. */
"use strict";

const DAY = 1440, WHOLE_WEEK = 7 * DAY, CELL = 30;
const WEEK_HOURS = /^([A-Za-z]{3})(?:\s*-\s*([A-Za-z]{3}))?\s+([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})$/;

// --- texts and shifts: a shift is one opening of one day, { start, length } in minutes of the week --------------------

function shiftsOf(text) {
  const match = WEEK_HOURS.exec(text);
  const weekday = (name) => SHORT.indexOf(name[0].toUpperCase() + name.slice(1).toLowerCase());
  if (!match) return null;
  const first = weekday(match[1]), last = weekday(match[2] || match[1]);
  const [hour, minute, last_hour, last_minute] = match.slice(3).map(Number);
  const opens = hour * 60 + minute, closes = last_hour * 60 + last_minute;
  if (first < 0 || last < 0 || minute > 59 || last_minute > 59) return null;
  if (opens >= DAY || closes > DAY || opens === closes) return null;
  const length = closes > opens ? closes - opens : closes + DAY - opens;
  return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, n) => ({ start: ((first + n) % 7) * DAY + opens, length }));
}

const keyOf = (shift) => `${shift.start}+${shift.length}`;
const keysOf = (shifts) => shifts.map(keyOf).sort().join(" ");

/** The shifts with one more range open. What overlaps or touches becomes one, and no longer than texts can say. */
function withOpen(shifts, from, to) {
  if (covers(shifts, from, to)) return shifts;
  let rest = shifts, grown = true;
  while (grown) {
    grown = false;
    for (const shift of rest) {
      for (const turn of [-WHOLE_WEEK, 0, WHOLE_WEEK]) {
        const start = shift.start + turn, end = start + shift.length;
        if (end < from || start > to) continue;
        from = Math.min(from, start);
        to = Math.max(to, end);
        rest = rest.filter((other) => other !== shift);
        grown = true;
        break;
      }
      if (grown) break;
    }
  }
  to = Math.min(to, from + WHOLE_WEEK);
  return [...rest, ...pieces(from, to)];
}

function pieces(from, to) {
  const at = (start, end) => ({ start: ((start % WHOLE_WEEK) + WHOLE_WEEK) % WHOLE_WEEK, length: end - start });
  if (to - from < DAY) return [at(from, to)];
  const made = [];
  for (let start = from; start < to;) {
    const end = Math.min(to, (Math.floor(start / DAY) + 1) * DAY);
    made.push(at(start, end));
    start = end;
  }
  return made;
}

function withClosed(shifts, from, to) {
  return shifts.flatMap((shift) => {
    for (const turn of [-WHOLE_WEEK, 0, WHOLE_WEEK]) {
      const start = shift.start + turn, end = start + shift.length;
      if (end <= from || start >= to) continue;
      return [...(start < from ? pieces(start, from) : []), ...(end > to ? pieces(to, end) : [])];
    }
    return [shift];
  });
}

/** What is open of one day: pairs of minutes after its midnight, merged, ascending. */
function openOn(shifts, day) {
  const found = shifts.flatMap((shift) => [-WHOLE_WEEK, 0].map((turn) => {
    const start = shift.start + turn - day * DAY;
    return [Math.max(0, start), Math.min(DAY, start + shift.length)];
  })).filter(([start, end]) => start < end).sort((a, b) => a[0] - b[0]);
  const merged = [];
  for (const [start, end] of found) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

function covers(shifts, from, to) {
  const day = Math.floor(from / DAY);
  return openOn(shifts, day).some(([start, end]) => start <= from - day * DAY && end >= to - day * DAY);
}

/** The shifts as few texts: equal hours of neighbouring days in one. */
function textsOf(shifts) {
  const days = new Map();
  for (const { start, length } of shifts) {
    const opens = start % DAY, end = opens + length;
    const hours = `${clock(opens)}-${clock(end > DAY ? end - DAY : end)}`;
    if (!days.has(hours)) days.set(hours, new Set());
    days.get(hours).add(Math.floor(start / DAY));
  }
  const texts = [];
  for (const [hours, open] of days) {
    for (let day = 0; day < 7; day += 1) {
      const begins = open.has(day) && (!open.has((day + 6) % 7) || (day === 0 && open.size === 7));
      if (!begins) continue;
      let last = day;
      while (open.has((last + 1) % 7) && last + 1 < day + 7) last += 1;
      const name = last === day ? SHORT[day] : `${SHORT[day]}-${SHORT[last % 7]}`;
      texts.push({ day, hours, text: `${name} ${hours}` });
    }
  }
  return texts.sort((a, b) => a.day - b.day || (a.hours < b.hours ? -1 : 1)).map(({ text }) => text);
}

// --- the page ---------------------------------------------------------------------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  const editor = document.getElementById("hours-editor");
  if (!editor) return;
  const fields = optionFields(editor);
  const news = editor.querySelector(".editor-news");
  let writing = false;
  let open = WEEK.map(() => []); // of each day, pairs of minutes

  const rows = () => fields.family("_bh_regular").map(({ option, control }) => {
    const text = control.value.trim();
    return { option, control, text, shifts: text ? shiftsOf(text) : [] };
  });
  const shifts = () => rows().flatMap((row) => row.shifts || []);

  const grid = timeGrid(editor.querySelector(".week"), {
    label: "Office hours of the week",
    days: WEEK.map((name, day) => ({ name, short: SHORT[day] })),
    columns: DAY / CELL,
    says(day, column) {
      const from = column * CELL, to = from + CELL;
      const inside = open[day].filter(([start, end]) => start < to && end > from);
      const whole = inside.some(([start, end]) => start <= from && end >= to);
      const part = inside.map(([start, end]) => `${clock(Math.max(start, from))} to ${clock(Math.min(end, to))}`);
      const state = whole ? "open" : part.length ? `open from ${part.join(" and ")}` : "closed";
      return `${WEEK[day]} ${clock(from)} to ${clock(to)}, ${state}`;
    },
    choosing(range) {
      grid.grid.classList.toggle("closing", range !== null && isOpen(range.row, range.column));
    },
    chosen(range, how) {
      if (how === "keys") say(range);
      else paint(range);
    },
    pressed(event, range) {
      if (event.key !== " " && event.key !== "Enter") return false;
      paint(range);
      return true;
    },
  });

  function isOpen(day, column) {
    return covers(shifts(), day * DAY + column * CELL, day * DAY + (column + 1) * CELL);
  }

  function inWords({ top, bottom, left, right }) {
    const days = top === bottom ? WEEK[top] : `${WEEK[top]} to ${WEEK[bottom]}`;
    return `${days} ${clock(left * CELL)} to ${clock((right + 1) * CELL)}`;
  }

  function say(range) {
    const several = range.top !== range.bottom || range.left !== range.right;
    news.textContent = several ? `Chosen: ${inWords(range)}. Space ${isOpen(range.row, range.column) ? "closes" : "opens"}.` : "";
  }

  /** All cells of the range become what the first one is not. */
  function paint(range) {
    const opens = !isOpen(range.row, range.column);
    let wanted = shifts();
    for (let day = range.top; day <= range.bottom; day += 1) {
      const from = day * DAY + range.left * CELL, to = day * DAY + (range.right + 1) * CELL;
      wanted = opens ? withOpen(wanted, from, to) : withClosed(wanted, from, to);
    }
    write(wanted);
    grid.choose(range.row, range.column);
    const now = open.slice(range.top, range.bottom + 1).map((hours, n) => (
      `${WEEK[range.top + n]} is ${hours.length ? `open ${hours.map(([a, b]) => `${clock(a)} to ${clock(b)}`).join(", ")}` : "closed"}.`
    ));
    news.textContent = `${inWords(range)}: ${opens ? "open" : "closed"}. ${now.join(" ")}`;
  }

  /** Into the inputs: what says the same stays as it is, what does not makes room for what is missing. */
  function write(wanted) {
    let missing = textsOf(wanted);
    const known = rows().filter((row) => row.text && row.shifts);
    const free = [];
    for (const row of known) {
      const same = missing.find((text) => keysOf(shiftsOf(text)) === keysOf(row.shifts));
      if (same) missing = missing.filter((text) => text !== same);
      else free.push(row);
    }
    writing = true;
    for (const text of missing) {
      const row = free.shift() || rows().find((each) => !each.text);
      fields.write(row.control, text);
    }
    for (const row of free) fields.write(row.control, "");
    writing = false;
    read();
  }

  function read() {
    const now = rows();
    const all = now.flatMap((row) => row.shifts || []);
    open = WEEK.map((_, day) => openOn(all, day));
    open.forEach((hours, day) => {
      grid.tracks[day].querySelectorAll(".week-bar").forEach((bar) => bar.remove());
      grid.tracks[day].append(...hours.map(([start, end]) => bar(start, end)));
    });
    grid.name();
    const words = textsOf(all);
    editor.querySelector(".week-words").textContent = words.join(", ") || "never open";
    showKept(editor.querySelector(".week-kept"), now.filter((row) => row.shifts === null).map(({ option, text }) => ({
      option, text, why: "is not shown in the week and stays as it is.",
    })), fields);
  }

  function bar(start, end) {
    const length = end - start;
    const made = element("div", { style: "week-bar", aria_hidden: "true" });
    made.append(element("span", { text: clock(start) }), element("span", { text: clock(end) }));
    made.classList.toggle("short", length < 180);
    made.classList.toggle("tiny", length < 60);
    made.style.setProperty("--from", start / DAY);
    made.style.setProperty("--length", length / DAY);
    return made;
  }

  fields.form.addEventListener("input", (event) => {
    if (!writing && event.target.closest('[data-family="_bh_regular"]')) read();
  });
  editor.hidden = false;
  read();
  hourExceptions(editor, fields);
  const next = editor.querySelector(".holidays-next");
  keepPreview(editor, (preview) => next.replaceChildren(...preview.querySelectorAll(".preview-holidays")));
});

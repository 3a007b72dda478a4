/* Places by day and hour, typed into a grid. The option inputs are the only truth: it is read from them and written into
   them. */
"use strict";

// --- texts and numbers: of a day, 24 numbers --------------------------------------------------------------------------

/** The numbers of a JSON object of hours; null for what is none. */
function numbersOf(hours) {
  if (typeof hours !== "object" || hours === null || Array.isArray(hours)) return null;
  const numbers = Array(24).fill(0);
  for (const [hour, places] of Object.entries(hours)) {
    if (!/^(?:[01][0-9]|2[0-3])00$/.test(hour) || !Number.isInteger(places) || places < 0) return null;
    numbers[Number(hour.slice(0, 2))] = places;
  }
  return numbers;
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

function ofDay(text, number) {
  if (!text) return Array(24).fill(0);
  const value = parsed(text);
  if (typeof value !== "object" || value === null || Object.keys(value).join() !== String(number)) return null;
  return numbersOf(value[number]);
}

const hoursText = (numbers) => `{${numbers.map((places, hour) => [places, hour]).filter(([places]) => places)
  .map(([places, hour]) => `"${String(hour).padStart(2, "0")}00": ${places}`).join(", ")}}`;

const dayText = (numbers, number) => (numbers.some(Boolean) ? `{"${number}": ${hoursText(numbers)}}` : "");

/** Numbers by day, as [day, numbers] in the order of the days; null for a text that cannot be shown. */
function ofDates(text) {
  const value = text ? parsed(text) : {};
  if (Array.isArray(value) && !value.length) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const days = Object.entries(value).map(([day, hours]) => [day, DATED.test(day) && !day.includes(" ") ? numbersOf(hours) : null]);
  return days.some(([, numbers]) => numbers === null) ? null : days.sort(([a], [b]) => (a < b ? -1 : 1));
}

const datesText = (days) => (days.length ? `{${days.map(([day, numbers]) => `"${day}": ${hoursText(numbers)}`).join(", ")}}` : "");

/** Which number each weekday has in `_capacity`, Monday first; 0 for one that is not named. */
function daysNamed(text) {
  const names = text.replace(/^\[|\]$/g, "").split(",").map((name) => name.trim().replace(/^['"]|['"]$/g, "").toLowerCase());
  return SHORT.map((day) => [...new Set(names)].indexOf(day.toLowerCase()) + 1);
}

// --- a grid of numbers with its bar -----------------------------------------------------------------------------------

/** `numbers[row]` are those of a day, null where nothing can be set; `changed(rows)` gets the rows that were set. */
function numberGrid(place, { label, days, numbers, most, say, changed }) {
  const bar = place.querySelector(".places-bar");
  const chosen_words = bar.querySelector(".places-chosen");
  const input = bar.querySelector("input");
  const copy = bar.querySelector(".places-copy");
  let typed = "";

  const grid = timeGrid(place.querySelector(".places-grid"), {
    label, days, columns: 24,
    says(row, column) {
      const places = numbers[row]?.[column];
      const state = places === undefined ? "cannot be set here" : places === 1 ? "1 place" : `${places} places`;
      return `${days[row].name} ${clock(column * 60)} to ${clock(column * 60 + 60)}, ${state}`;
    },
    choosing: () => { typed = ""; },
    chosen(range, how) {
      typed = "";
      describe(range);
      if (how === "keys" && (range.top !== range.bottom || range.left !== range.right)) say(`Chosen: ${inWords(range)}.`);
    },
    pressed(event, range) {
      if (event.ctrlKey || event.metaKey) return false;
      if (/^[0-9]$/.test(event.key)) {
        const next = String(Number(typed + event.key));
        if (fill(range, Number(next))) typed = next;
        return true;
      }
      if (event.key === "Backspace" || event.key === "Delete") {
        typed = event.key === "Delete" ? "" : typed.slice(0, -1);
        fill(range, Number(typed));
        return true;
      }
      return event.key === "Enter" || event.key === " ";
    },
  });

  function inWords({ top, bottom, left, right }) {
    const names = top === bottom ? days[top].name : `${days[top].name} to ${days[bottom].name}`;
    return `${names} ${clock(left * 60)} to ${clock((right + 1) * 60)}`;
  }

  function describe(range) {
    chosen_words.textContent = inWords(range);
    if (!copy) return;
    copy.querySelector("span").textContent = days[range.row].name;
  }

  /** Set all cells of the range. True if the number is allowed. */
  function fill(range, places) {
    if (places > most()) {
      say(`${places} is too many: _max_capacity allows at most ${most()}.`);
      return false;
    }
    const rows = [];
    for (let row = range.top; row <= range.bottom; row += 1) {
      if (!numbers[row]) continue;
      numbers[row].fill(places, range.left, range.right + 1);
      rows.push(row);
    }
    show();
    changed(rows);
    say(rows.length ? `${inWords(range)}: ${places === 1 ? "1 place" : `${places} places`}.` : `${inWords(range)} cannot be set here.`);
    return true;
  }

  function fillTyped() {
    const places = input.value.trim();
    if (!/^[0-9]{1,7}$/.test(places)) {
      say(`${places ? `“${places}” was given` : "Nothing was given"}, allowed is a whole number from 0 to ${most()}.`);
      input.focus();
    } else if (fill(grid.range(), Number(places))) {
      input.value = "";
    }
  }
  bar.querySelector(".places-fill").onclick = fillTyped;
  input.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    fillTyped();
  };
  if (copy) {
    copy.querySelector("button").onclick = () => {
      const { row } = grid.range();
      const to = copy.querySelector("select").value.split(",").map(Number).filter((other) => other !== row && numbers[other]);
      if (!numbers[row] || !to.length) { say("There is nothing to copy."); return; }
      for (const other of to) numbers[other] = [...numbers[row]];
      show();
      changed(to);
      say(`${days[row].name} was copied to ${to.map((other) => days[other].name).join(", ")}.`);
    };
  }

  function show() {
    const greatest = Math.max(1, ...numbers.flatMap((line) => line || []));
    grid.cells.forEach((line, row) => line.forEach((cell, column) => {
      const places = numbers[row]?.[column] ?? 0;
      cell.textContent = numbers[row] ? places || "·" : "?";
      cell.style.setProperty("--share", places / greatest);
      cell.classList.toggle("none", !places);
      cell.classList.toggle("beyond", places > most());
    }));
    grid.name();
  }

  show();
  describe(grid.range());
  return { show };
}

// --- the page ---------------------------------------------------------------------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  const editor = document.getElementById("capacity-editor");
  if (!editor) return;
  const fields = optionFields(editor);
  const news = editor.querySelector(".editor-news");
  const say = (sentence) => { news.textContent = sentence; };
  const most = () => (/^[0-9]+$/.test(fields.text("_max_capacity")) ? Number(fields.text("_max_capacity")) : Infinity);
  let writing = false;

  function write(option, text) {
    writing = true;
    fields.write(fields.control(option), text);
    writing = false;
  }

  // --- the week

  const week = Array(7).fill(null);
  const number = () => daysNamed(fields.text("_capacity"));
  const week_grid = numberGrid(editor.querySelector(".places-week"), {
    label: "Places of the week", days: WEEK.map((name, day) => ({ name, short: SHORT[day] })), numbers: week, most, say,
    changed(days) {
      for (const day of days) write(`_capacity_${number()[day]}`, dayText(week[day], number()[day]));
    },
  });

  function readWeek() {
    const kept = [];
    number().forEach((n, day) => {
      const option = `_capacity_${n}`, text = n ? fields.text(option) : "";
      week[day] = n ? ofDay(text, n) : null;
      if (!n) kept.push({ option: "_capacity", text: fields.text("_capacity"), why: `does not name ${WEEK[day]}: no places.` });
      else if (!week[day]) kept.push({ option, text, why: `is not shown on ${WEEK[day]} and stays as it is.` });
    });
    showKept(editor.querySelector(".week-kept"), kept, fields);
    week_grid.show();
  }

  // --- days that differ

  const place = editor.querySelector(".places-dates");
  const list = editor.querySelector(".dates-list");
  const add = editor.querySelector(".exception-add");
  let dates = [];

  function inFull(day) {
    if (day.length < 10) return { name: `${day} every year`, short: day };
    const weekday = (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7;
    return { name: `${WEEK[weekday]} ${day}`, short: `${SHORT[weekday]} ${day.slice(2)}` };
  }

  function writeDates() {
    write("_capacity_add", datesText(dates));
  }

  function entry(day) {
    const parts = dayFields(day ? inFull(day).name : "A day that differs", {});
    const message = element("span", { style: "exception-wrong", id: `date${day}` });
    const remove = element("button", { type: "button", style: "exception-remove", title: "Remove" },
      element("span", { text: "×", aria_hidden: "true" }),
      element("span", { style: "visually-hidden", text: `Remove ${day || "this day"}` }));
    if (day) parts.fill(day);
    const item = element("li", {}, ...parts.parts, remove, message);
    item.addEventListener("change", () => {
      const now = parts.compose();
      if (now.wrong || now === day) return;
      if (dates.some(([other]) => other === now)) {
        message.textContent = `${now} is in the list already.`;
        return;
      }
      const weekday = (new Date(`${item.querySelector("input[type=date]").value}T12:00:00Z`).getUTCDay() + 6) % 7;
      const numbers = dates.find(([other]) => other === day)?.[1] ?? [...(week[weekday] || Array(24).fill(0))];
      dates = [...dates.filter(([other]) => other !== day), [now, numbers]].sort(([a], [b]) => (a < b ? -1 : 1));
      writeDates();
      showDates();
      say(`${inFull(now).name} has numbers of its own.`);
      list.querySelectorAll("input[type=date]")[dates.findIndex(([other]) => other === now)].focus();
    });
    remove.addEventListener("click", () => {
      dates = dates.filter(([other]) => other !== day);
      writeDates();
      showDates();
      say(`Removed: ${day || "the day"}.`);
      add.focus();
    });
    return item;
  }

  function showDates() {
    list.replaceChildren(...dates.map(([day]) => entry(day)));
    place.hidden = !dates.length;
    if (!dates.length) return;
    const numbers = dates.map(([, each]) => each);
    numberGrid(place, { label: "Places of days that differ", days: dates.map(([day]) => inFull(day)), numbers, most, say, changed: writeDates });
  }

  function readDates() {
    const text = fields.text("_capacity_add"), now = ofDates(text);
    showKept(editor.querySelector(".dates-kept"), now ? [] : [{ option: "_capacity_add", text, why: "is not shown here and stays as it is." }], fields);
    add.disabled = !now;
    dates = now || [];
    showDates();
  }

  add.addEventListener("click", () => {
    const draft = list.querySelector(".draft") || entry("");
    draft.classList.add("draft");
    list.append(draft);
    draft.querySelector("input").focus();
  });

  // --- what is listened to

  // What is typed here is nobody's option, and Enter is not to save the service.
  editor.addEventListener("input", (event) => event.stopPropagation());
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input, select")) event.preventDefault();
  });
  fields.form.addEventListener("input", (event) => {
    const option = event.target.closest(".option-row")?.dataset.option ?? "";
    if (writing || !/^_(max_)?capacity/.test(option)) return;
    if (option === "_capacity_add") readDates();
    else readWeek();
    if (option === "_max_capacity" && dates.length) showDates();
  });
  editor.hidden = false;
  readWeek();
  readDates();
  keepPreview(editor);
});

/* What differs from the week: dates, holidays, other offices' hours, as lists. Bound to the option inputs one by one. */
"use strict";

const DATED = /^(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})(?:\s+([0-9]{1,2}:[0-9]{2})\s*-\s*([0-9]{1,2}:[0-9]{2}))?$/;

/** The next day from today on that has this month and day, as YYYY-MM-DD; empty when the calendar has none. */
function nextDay(month, day) {
  const today = new Date();
  for (let year = today.getFullYear(); year < today.getFullYear() + 9; year += 1) {
    const text = `${year}-${month}-${day}`;
    const found = new Date(`${text}T12:00:00Z`);
    const exists = !Number.isNaN(found.getTime()) && found.toISOString().startsWith(text);
    if (exists && found >= today) return text;
  }
  return "";
}

/** The fields of one entry: `parts`, what to show; `fill(text)`, false for a text they cannot show; `compose()`, the text
    that they say now, or { wrong, part } when they say none. */
function dayFields(says, { hours = false }) {
  const day = element("input", { type: "date", aria_label: `Day: ${says}`, max: "9999-12-31" });
  const yearly = element("input", { type: "checkbox" });
  const weekday = element("span", { style: "exception-weekday" });
  const opens = element("input", { type: "text", size: "5", inputmode: "numeric", aria_label: `Opens: ${says}`, placeholder: "09:00" });
  const closes = element("input", { type: "text", size: "5", inputmode: "numeric", aria_label: `Closes: ${says}`, placeholder: "17:00" });
  const nameDay = () => {
    const date = new Date(`${day.value}T12:00:00Z`);
    weekday.textContent = yearly.checked || Number.isNaN(date.getTime()) ? "" : SHORT[(date.getUTCDay() + 6) % 7];
  };
  day.addEventListener("input", nameDay);
  yearly.addEventListener("input", nameDay);
  const every = element("label", { style: "exception-yearly" }, yearly, " every year");
  const times = hours ? [element("span", { style: "exception-hours" }, opens, " to ", closes)] : [];
  return {
    parts: [element("span", { style: "exception-day" }, weekday, day), every, ...times],
    fill(text) {
      const match = DATED.exec(text);
      if (!match || Boolean(match[4]) !== hours) return false;
      const shown = match[1] ? `${match[1]}-${match[2]}-${match[3]}` : nextDay(match[2], match[3]);
      day.value = shown;
      if (!shown || day.value !== shown) return false;
      yearly.checked = !match[1];
      if (hours) {
        const [from, to] = [minutesOf(match[4]), minutesOf(match[5])];
        if (from === null || to === null || from >= 1440 || from === to) return false;
        [opens.value, closes.value] = [clock(from), clock(to)];
      }
      nameDay();
      return true;
    },
    compose() {
      if (!day.value) return { wrong: "Choose a day.", part: day };
      const date = yearly.checked ? day.value.slice(-5) : day.value;
      if (!hours) return date;
      const [from, to] = [minutesOf(opens.value), minutesOf(closes.value)];
      if (from === null || from === 1440) return { wrong: "Say when it opens: 00:00 to 23:59.", part: opens };
      if (to === null || to === from) return { wrong: "Say when it closes: 00:00 to 24:00, another time than it opens.", part: closes };
      return `${date} ${clock(from)}-${clock(to)}`;
    },
  };
}

function datesFields(says) {
  const first = element("input", { type: "date", aria_label: `First day: ${says}`, max: "9999-12-31" });
  const last = element("input", { type: "date", aria_label: `Last day: ${says}`, max: "9999-12-31" });
  return {
    parts: [element("span", {}, first, " to ", last)],
    fill(text) {
      const [from, to = from, more] = text.split(" to ").map((part) => part.trim());
      [first.value, last.value] = [from, to];
      return more === undefined && first.value === from && last.value === to && from <= to;
    },
    compose() {
      if (!first.value) return { wrong: "Choose the first day.", part: first };
      if (last.value && last.value < first.value) return { wrong: "The last day is before the first.", part: last };
      return last.value && last.value !== first.value ? `${first.value} to ${last.value}` : first.value;
    },
  };
}

/** A copy of a drop-down of the form, that offers what it offers. */
function choiceFields(says, original) {
  const select = element("select", { aria_label: says });
  select.append(...[...original.options].map((option) => option.cloneNode(true)));
  return {
    parts: [select],
    fill(text) {
      select.value = text;
      return select.value === text;
    },
    compose: () => select.value || { wrong: "Choose one.", part: select },
  };
}

/** Another service with the days on which it counts; as a text, its name, a space and the days. */
function alternativeFields(says, original) {
  const service = choiceFields("Service that counts instead", original), dates = datesFields("the other service");
  return {
    parts: [element("span", {}, ...service.parts), ...dates.parts],
    fill(text) {
      const [name, days] = text.split(/ (.*)/);
      return service.fill(name) && (!days || dates.fill(days));
    },
    compose() {
      const [name, days] = [service.compose(), dates.compose()];
      if (name.wrong) return name;
      return days.wrong ? days : `${name} ${days}`;
    },
  };
}

/** The options of a numbered family, one an entry. `mine(number)`: those that are not somebody else's. */
function ofFamily(fields, family, mine = () => true) {
  const rows = () => fields.family(family).filter(({ option }) => mine(option.slice(family.length)));
  const bound = ({ option, control }) => ({
    key: option, control, text: control.value.trim(), put: (text) => fields.write(control, text),
  });
  return {
    families: [family],
    entries: () => rows().map(bound).filter(({ text }) => text),
    free: () => bound(rows().find(({ control }) => !control.value.trim())),
  };
}

/** Two families that belong together by their numbers: another service, and the days on which it counts. */
function ofPairs(fields, services, days) {
  const number = ({ option }, family) => Number(option.slice(family.length));
  const bound = (n) => ({
    key: `${services}${n}`,
    control: fields.control(`${services}${n}`),
    text: `${fields.text(`${services}${n}`)} ${fields.text(`${days}${n}`)}`.trim(),
    put(text) {
      const [name, dates] = text.split(/ (.*)/);
      fields.write(fields.member(days, n), dates ?? "");
      fields.write(fields.member(services, n), name);
    },
  });
  const filled = (family) => fields.family(family).filter(({ control }) => control.value.trim()).map((row) => number(row, family));
  return {
    families: [services, days],
    entries: () => filled(services).map(bound),
    free() {
      const n = Math.max(0, ...filled(services), ...filled(days)) + 1;
      fields.member(services, n);
      return bound(n);
    },
  };
}

/** Two drop-downs for the country of `_holidays_country` and a part of it; returns what reads them from the option. */
function countryChoice(place, fields, news) {
  const option = "_holidays_country";
  const [country, part] = place.querySelectorAll("select");
  const parts = JSON.parse(document.getElementById("holiday-parts").textContent);

  function offerParts() {
    const choices = (parts[country.value] || []).map((code) => element("option", { value: code, text: `${country.value}-${code}` }));
    part.replaceChildren(element("option", { value: "", text: "all of it" }), ...choices);
    part.closest("label").hidden = !choices.length;
  }

  function read() {
    const text = fields.text(option);
    const [code, ...rest] = text.toUpperCase().split("-");
    country.value = code;
    offerParts();
    const known = [...part.options].find(({ value }) => value.toUpperCase() === rest.join("-"));
    part.value = known?.value ?? "";
    place.querySelector(".country-kept").textContent = !text || (country.value && known) ? "" : `“${text}” is not known here and stays as it is.`;
  }

  function write() {
    fields.write(fields.control(option), part.value ? `${country.value}-${part.value}` : country.value);
    news.textContent = country.value ? `Public holidays of ${country.selectedOptions[0].textContent} ${part.value}.` : "No public holidays.";
  }

  country.addEventListener("change", () => { offerParts(); part.value = ""; write(); });
  part.addEventListener("change", write);
  read();
  return read;
}

/** Fill the lists of the editor, and keep them as the inputs are. */
function hourExceptions(editor, fields) {
  const news = editor.querySelector(".editor-news");
  const shapes = {
    hours: (says) => dayFields(says, { hours: true }),
    day: (says) => dayFields(says, {}),
    dates: datesFields,
    choice: choiceFields,
    alternative: alternativeFields,
  };
  const no_alternative = (number) => !fields.text(`_use_alternative${number}`);
  const lists = [...editor.querySelectorAll(".exceptions[data-family]")].map((list) => {
    const { family } = list.dataset;
    if (family === "_use_alternative") return keptList(list, ofPairs(fields, family, "_effective_dates"));
    return keptList(list, ofFamily(fields, family, family === "_effective_dates" ? no_alternative : undefined));
  });

  function keptList(list, source) {
    const { says, fields: shape } = list.dataset;
    const place = list.querySelector("ul");
    const add = list.querySelector(".exception-add");
    const entries = new Map(); // by key; a draft has the text ""

    function entry({ key, control, text, put }) {
      const made = shapes[shape](says, control);
      const message = element("span", { style: "exception-wrong", id: `exception${key}` });
      const remove = element("button", { type: "button", style: "exception-remove", title: "Remove" },
        element("span", { text: "×", aria_hidden: "true" }),
        element("span", { style: "visually-hidden", text: `Remove ${says.toLowerCase()}, ${key}` }));
      const shown = !text || made.fill(text);
      const item = element("li", {}, ...(shown ? made.parts : [unreadable(key, text)]), remove, message);
      const current = { item, text };
      item.addEventListener("change", () => {
        const now = made.compose();
        for (const part of item.querySelectorAll("[aria-invalid]")) {
          part.removeAttribute("aria-invalid");
          part.removeAttribute("aria-describedby");
        }
        // Of a new one that is not complete yet nothing is wrong with what is still empty.
        message.textContent = now.wrong && (current.text || now.part.value) ? now.wrong : "";
        if (message.textContent) {
          now.part.setAttribute("aria-invalid", "true");
          now.part.setAttribute("aria-describedby", message.id);
        }
        if (now.wrong) return;
        current.text = now;
        put(now);
        news.textContent = `${says}: ${now}.`;
      });
      remove.addEventListener("click", () => {
        entries.delete(key);
        item.remove();
        if (current.text) put("");
        read();
        news.textContent = `Removed: ${says} ${current.text}.`;
        add.focus();
      });
      return current;
    }

    function unreadable(option, text) {
      const go = element("button", { type: "button", style: "editor-link", text: `Go to ${option}` });
      go.addEventListener("click", () => fields.goTo(option));
      return element("span", {}, element("q", { text }), " cannot be shown here and stays as it is. ", go);
    }

    function read() {
      const now = source.entries();
      for (const [key, known] of entries) {
        if (!known.text || now.some((each) => each.key === key)) continue;
        known.item.remove();
        entries.delete(key);
      }
      for (const each of now) {
        const known = entries.get(each.key);
        if (known?.text === each.text) continue;
        const fresh = entry(each);
        if (known) known.item.replaceWith(fresh.item);
        else place.append(fresh.item);
        entries.set(each.key, fresh);
      }
    }

    add.addEventListener("click", () => {
      let draft = [...entries.values()].find((each) => !each.text);
      if (!draft) {
        const free = { ...source.free(), text: "" };
        draft = entry(free);
        entries.set(free.key, draft);
        place.append(draft.item);
      }
      draft.item.querySelector("input, select").focus();
    });
    list.hidden = false;
    read();
    return { families: source.families, read };
  }

  const country = countryChoice(editor.querySelector(".exceptions-country"), fields, news);

  // What is typed here is nobody's option, and Enter is not to save the service.
  editor.addEventListener("input", (event) => event.stopPropagation());
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input, select")) {
      event.preventDefault();
      event.target.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
  fields.form.addEventListener("input", (event) => {
    const family = event.target.closest(".option-row[data-family]")?.dataset.family;
    // An alternative makes the dates of its number its own.
    const also = family === "_use_alternative" ? "_effective_dates" : family;
    country();
    for (const list of lists) if (list.families.some((each) => each === family || each === also)) list.read();
  });
}

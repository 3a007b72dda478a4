/* What the editors of office hours and capacity share: the option inputs, which alone hold the truth, and the preview. */
"use strict";

/** The option fields of the form around an editor. */
function optionFields(editor) {
  const form = editor.closest("form");
  const row = (option) => form.querySelector(`.option-row[data-option="${CSS.escape(option)}"]`);
  const control = (of) => of?.querySelector("input, select, textarea");

  /** The rows of a numbered family, in the order of the page: { option, control }. */
  const family = (name) => [...form.querySelectorAll(`.option-row[data-family="${CSS.escape(name)}"]`)].map((each) => (
    { option: each.dataset.option, control: control(each) }
  ));

  /** The field of a member of a family, which gets one where it has none. */
  function member(name, number) {
    form.dispatchEvent(new CustomEvent("option-member", { detail: { family: name, number } }));
    return control(row(`${name}${number}`));
  }

  const text = (option) => control(row(option))?.value.trim() ?? "";

  /** As if it had been typed: the form marks what differs, adds a row to a family that is full, and checks. */
  function write(field, value) {
    if (!field || field.value === value) return;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Show the field of an option, whatever is folded or filtered, and go there. */
  function goTo(option) {
    const found = row(option);
    const filter = document.getElementById("option-filter");
    if (filter?.value || found.hidden) write(filter, option);
    found.closest("details").open = true;
    control(found).focus();
  }

  return { form, row, control: (option) => control(row(option)), family, member, text, write, goTo };
}

const WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const SHORT = WEEK.map((day) => day.slice(0, 3));

const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;

/** Minutes after midnight of what people type (9, 9:30, 0930, 24:00); null for what is no time. */
function minutesOf(typed) {
  const match = /^([0-9]{1,2})(?::?([0-9]{2}))?$/.exec(typed.trim());
  if (!match) return null;
  const minutes = Number(match[1]) * 60 + Number(match[2] || 0);
  return Number(match[2] || 0) > 59 || minutes > 1440 ? null : minutes;
}

/** An element with a class, attributes and content. */
function element(name, { style = "", text = null, ...attributes } = {}, ...content) {
  const made = document.createElement(name);
  if (style) made.className = style;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key.replaceAll("_", "-"), value);
  if (text !== null) made.textContent = text;
  made.append(...content);
  return made;
}

/** Texts that a grid cannot show: named, quoted, kept, with a way to their field. */
function showKept(place, kept, fields) {
  place.replaceChildren(...kept.map(({ option, text, why }) => {
    const go = element("button", { type: "button", style: "editor-link", text: `Go to ${option}` });
    go.addEventListener("click", () => fields.goTo(option));
    return element("li", {}, element("code", { text: option }), " ", element("q", { text }), ` ${why} `, go);
  }));
  place.hidden = !kept.length;
}

/** Keep the preview as the form's texts are now; asks the server, which stores nothing. */
function keepPreview(editor, arrived = () => {}) {
  const place = editor.querySelector(".editor-preview");
  const form = editor.closest("form");
  let timer = 0, running = null;

  async function ask() {
    running?.abort();
    const asked = running = new AbortController();
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(place.dataset.url, {
        method: "POST", body: new FormData(form), signal: asked.signal, redirect: "error", credentials: "same-origin",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      place.innerHTML = await answer.text();
      arrived(place);
    } catch (error) {
      if (error.name === "AbortError") return;
      place.replaceChildren(element("p", { text: "The preview could not be had. Are you still signed in?" }));
    }
    place.removeAttribute("aria-busy");
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 500);
  });
  ask();
}

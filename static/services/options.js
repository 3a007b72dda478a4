/* The form of a service: filter, folds, what differs, reset, checks while typing. Without it the form is a plain one. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const tools = document.getElementById("option-tools");
  if (!tools) return;
  const form = tools.closest("form");
  const filter = document.getElementById("option-filter");
  const advanced = document.getElementById("option-advanced");
  const differing = document.getElementById("option-differing");
  const fold = document.getElementById("option-fold");
  const count = document.getElementById("option-count");
  const empty = document.getElementById("option-empty");
  const news = document.getElementById("option-news");
  const sections = [...form.querySelectorAll(".service-section")];
  const rows = () => [...form.querySelectorAll(".option-row")];

  const remembered = (key, fallback) => {
    try { return JSON.parse(localStorage.getItem(`services.${key}`)) ?? fallback; } catch { return fallback; }
  };
  const remember = (key, value) => {
    try { localStorage.setItem(`services.${key}`, JSON.stringify(value)); } catch { /* A browser that keeps nothing. */ }
  };

  // --- values -------------------------------------------------------------------------------------------------------

  const controls = (row) => [...row.querySelectorAll("input:not([type=search]), select, textarea")];

  function text(row) {
    const [first] = controls(row);
    if (first.type !== "checkbox") return first.value.trim();
    return controls(row).filter((box) => box.checked).map((box) => box.value).join(",");
  }

  function setText(row, wanted) {
    const [first] = controls(row);
    if (first.type === "checkbox") {
      const several = wanted.split(",").map((item) => item.trim());
      controls(row).forEach((box) => { box.checked = several.includes(box.value); });
    } else {
      first.value = wanted;
    }
    first.dispatchEvent(new Event("input", { bubbles: true }));
    (row.querySelector(".several > summary") || first).focus();
  }

  // --- many boxes, folded -------------------------------------------------------------------------------------------

  const most_named = 5;

  function nameChosen(row) {
    const summary = row.querySelector(".several > summary");
    if (!summary) return;
    const chosen = controls(row).filter((box) => box.checked).map((box) => box.value);
    const named = chosen.slice(0, most_named).join(", ") + (chosen.length > most_named ? ", …" : "");
    summary.textContent = chosen.length ? `${chosen.length} chosen: ${named}` : "none chosen";
  }

  function findBoxes(search) {
    const wanted = search.value.trim().toLowerCase();
    for (const box of controls(search.closest(".several"))) {
      box.closest("div").hidden = !box.value.toLowerCase().includes(wanted);
    }
  }

  const squeezed = (several) => several.split(",").map((item) => item.trim()).filter(Boolean).join(",");

  function markDifference(row) {
    const now = text(row), inherited = row.dataset.inherited.trim();
    const same = controls(row)[0].type === "checkbox" ? squeezed(now) === squeezed(inherited) : now === inherited;
    row.classList.toggle("differs", now !== "" && !same);
  }

  // --- what is shown ------------------------------------------------------------------------------------------------

  const searched = new WeakMap();

  function searchText(row) {
    if (!searched.has(row)) {
      const help = row.querySelector(".help");
      const section = row.closest(".service-section").dataset.section;
      const effect = row.querySelector(".option-effect");
      const words = [row.dataset.option, help?.textContent, effect?.textContent, section];
      searched.set(row, words.join(" ").toLowerCase());
    }
    return searched.get(row);
  }

  function isShown(row, words) {
    const stands_out = row.classList.contains("differs") || row.classList.contains("errors");
    if (!words.every((word) => searchText(row).includes(word))) return false;
    if (differing.checked && !stands_out) return false;
    return !row.classList.contains("advanced") || advanced.checked || words.length > 0 || stands_out;
  }

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const narrowed = words.length > 0 || differing.checked;
    let shown = 0;
    for (const section of sections) {
      const own = [...section.querySelectorAll(".option-row")];
      let here = 0;
      for (const row of own) {
        row.hidden = !isShown(row, words);
        if (!row.hidden) here += 1;
      }
      shown += here;
      const details = section.querySelector("details");
      // What was found is shown also where the section was folded; afterwards it is folded again.
      if (narrowed && here && !details.open) { details.dataset.opened = "yes"; details.open = true; }
      if (!narrowed && details.dataset.opened) { delete details.dataset.opened; details.open = false; }
      section.hidden = own.length > 0 ? here === 0 : narrowed;
      const figures = section.querySelector(".section-figures");
      if (figures) fillFigures(figures, own);
    }
    const all = rows().length;
    count.textContent = shown === all ? `${all} options` : `${shown} of ${all} options`;
    empty.hidden = shown > 0;
    if (!shown) {
      empty.textContent = words.length
        ? `No option matches “${filter.value.trim()}”${differing.checked ? " among those that differ" : ""}.`
        : "No option differs from what it inherits.";
    }
  }

  function fillFigures(figures, own) {
    const wrong = own.filter((row) => row.classList.contains("errors")).length;
    const differ = own.filter((row) => row.classList.contains("differs")).length;
    figures.replaceChildren(
      ...(wrong ? [element("b", "section-errors", `${wrong} wrong`)] : []),
      ...(differ ? [element("span", "section-differs", `${differ} set here`)] : []),
    );
  }

  function element(name, style, content) {
    const made = document.createElement(name);
    made.className = style;
    made.textContent = content;
    return made;
  }

  // --- folds --------------------------------------------------------------------------------------------------------

  const folds = sections.map((section) => section.querySelector("details"));

  function nameFold() {
    fold.textContent = folds.some((details) => details.open) ? "Fold all" : "Unfold all";
  }

  function rememberFolds() {
    const folded = sections.filter((section) => {
      const details = section.querySelector("details");
      return !details.open || details.dataset.opened;
    });
    remember("folded", folded.map((section) => section.dataset.section));
    nameFold();
  }

  // --- checks while typing ------------------------------------------------------------------------------------------

  let timer = 0;
  let running = null;

  async function check() {
    running?.abort();
    running = new AbortController();
    let found;
    try {
      const answer = await fetch(tools.dataset.checkUrl, {
        method: "POST", body: new FormData(form), signal: running.signal, redirect: "error", credentials: "same-origin",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      found = await answer.json();
    } catch (error) {
      if (error.name !== "AbortError") news.textContent = "Could not check what you entered. Are you still signed in?";
      return;
    }
    const said = [];
    for (const row of form.querySelectorAll(".option-row, .field-unknown")) {
      said.push(...tell(row, found[row.dataset.field || "unknown"] || { errors: [], warnings: [] }));
    }
    said.push(...(found.__all__?.errors || []));
    news.textContent = said.join(" ");
    show();
  }

  function tell(row, { errors, warnings }) {
    const place = row.querySelector(".option-messages");
    const before = new Set([...place.querySelectorAll("li")].map((item) => item.textContent));
    place.replaceChildren(...list("errorlist", errors), ...list("warninglist", warnings));
    row.classList.toggle("errors", errors.length > 0);
    for (const control of controls(row)) {
      if (errors.length) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    return [...errors, ...warnings].filter((sentence) => !before.has(sentence));
  }

  function list(style, sentences) {
    if (!sentences.length) return [];
    const made = element("ul", style, "");
    made.append(...sentences.map((sentence) => element("li", "", sentence)));
    return [made];
  }

  // --- numbered families --------------------------------------------------------------------------------------------

  const lastMember = (family) => [...form.querySelectorAll(`.option-row[data-family="${CSS.escape(family)}"]`)].at(-1);
  const numberOf = (row) => Number(row.dataset.option.slice(row.dataset.family.length));

  function growFamily(row) {
    if (row === lastMember(row.dataset.family) && text(row)) addMember(row);
  }

  function addMember(last) {
    const { family } = last.dataset;
    const number = numberOf(last) + 1;
    const next = last.cloneNode(true);
    const rename = (value) => value.replaceAll(last.dataset.option, `${family}${number}`);
    for (const node of [next, ...next.querySelectorAll("*")]) {
      for (const attribute of [...node.attributes]) node.setAttribute(attribute.name, rename(attribute.value));
    }
    const walker = document.createTreeWalker(next, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.data = rename(walker.currentNode.data);
    next.classList.remove("differs", "errors");
    next.querySelector(".option-messages").replaceChildren();
    last.after(next);
    for (const control of controls(next)) { control.value = ""; control.removeAttribute("aria-invalid"); }
  }

  // --- what is listened to ------------------------------------------------------------------------------------------

  form.addEventListener("input", (event) => {
    if (event.target === filter) { show(); return; }
    if (tools.contains(event.target)) return;
    if (event.target.closest(".several-find")) { findBoxes(event.target); return; }
    const row = event.target.closest(".option-row");
    if (row) {
      markDifference(row);
      nameChosen(row);
      if (row.dataset.family) growFamily(row);
      show();
    }
    clearTimeout(timer);
    timer = setTimeout(check, 400);
  });
  // An editor above the options wants a row of this number.
  form.addEventListener("option-member", ({ detail: { family, number } }) => {
    while (numberOf(lastMember(family)) < number) addMember(lastMember(family));
    show();
  });
  form.addEventListener("click", (event) => {
    const reset = event.target.closest(".option-reset");
    if (reset) {
      const row = reset.closest(".option-row");
      setText(row, row.dataset.inherited);
    }
  });
  for (const find of form.querySelectorAll(".several-find")) {
    find.hidden = false;
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { filter.value = ""; show(); event.preventDefault(); }
    // Enter in a search box must not save the service.
    if (event.key === "Enter") event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]):not([type=submit]), textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  });
  filter.addEventListener("focus", () => {
    // On a phone what is found would be below the keyboard.
    if (innerWidth < 768) tools.scrollIntoView();
  });
  advanced.addEventListener("change", () => { remember("advanced", advanced.checked); show(); });
  differing.addEventListener("change", show);
  fold.addEventListener("click", () => {
    const open = !folds.some((details) => details.open);
    folds.forEach((details) => { delete details.dataset.opened; details.open = open; });
    rememberFolds();
  });
  folds.forEach((details) => {
    details.querySelector("summary").addEventListener("click", () => setTimeout(rememberFolds));
  });

  // --- at the start -------------------------------------------------------------------------------------------------

  advanced.checked = remembered("advanced", false);
  const folded = remembered("folded", []);
  for (const section of sections) {
    const has_errors = section.querySelector(".errors");
    if (folded.includes(section.dataset.section) && !has_errors) section.querySelector("details").open = false;
  }
  form.querySelectorAll(".option-reset").forEach((button) => { button.hidden = false; });
  tools.hidden = false;
  nameFold();
  show();
});

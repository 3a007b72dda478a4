/* Rows of a section or a list: one more at the press of a button. Without it there are two empty ones at each save. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const add = document.getElementById("row-add");
  if (!add) return;
  const rows = document.getElementById("rows");
  const template = document.getElementById("row-template").innerHTML;
  const total = document.getElementById("id_rows-TOTAL_FORMS");
  add.hidden = false;
  add.addEventListener("click", () => {
    rows.insertAdjacentHTML("beforeend", template.replaceAll("__prefix__", total.value));
    total.value = Number(total.value) + 1;
    rows.lastElementChild.querySelector("input").focus();
  });
});

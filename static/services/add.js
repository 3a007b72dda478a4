/* Adding a service: of the configurations only those of the chosen type. Without it the server says what does not fit. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const type = document.getElementById("id_type");
  const configuration = document.getElementById("id_configuration");
  if (type?.tagName !== "SELECT" || configuration?.tagName !== "SELECT") return;
  const groups = [...configuration.querySelectorAll("optgroup")];
  const narrow = () => {
    const label = type.selectedOptions[0].textContent;
    const chosen = configuration.selectedOptions[0];
    configuration.replaceChildren(...groups.filter((group) => group.label === label));
    const first = configuration.querySelector("option");
    if (!configuration.contains(chosen) && first) first.selected = true;
  };
  type.addEventListener("change", narrow);
  if (groups.length) narrow();
});

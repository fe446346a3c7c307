"use strict";
for (const slider of document.querySelectorAll(".wipe + input"))
  slider.oninput = () => slider.previousElementSibling.style.setProperty("--at", `${slider.value}%`);

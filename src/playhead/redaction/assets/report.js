for (const slider of all(".wipe + input"))
  slider.oninput = () => slider.previousElementSibling.style.setProperty("--at", `${slider.value}%`);

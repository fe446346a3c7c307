"use strict";
// Pointing at a bar of the timeline, or tapping it, tells below the episode what it is.
let pinned = null;
function tell(bar, pin) {
  const told = bar.closest(".episode").querySelector(".told");
  all(".bar.on").forEach((other) => other.classList.remove("on"));
  all(".told").forEach((other) => { if (other !== told) other.replaceChildren(); });
  told.textContent = bar.getAttribute("aria-label") + " ";
  if (bar.dataset.link) {
    const link = element("a", "Look and listen");
    link.href = "#" + bar.dataset.link;
    told.append(link);
  }
  bar.classList.add("on");
  if (pin) pinned = bar;
}
all(".bar").forEach((bar) => {
  bar.onclick = () => tell(bar, true);
  bar.onfocus = () => tell(bar, true);
  bar.onmouseenter = () => { if (!pinned) tell(bar, false); };
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  pinned = null;
  all(".told").forEach((told) => told.replaceChildren());
  all(".bar.on").forEach((bar) => bar.classList.remove("on"));
});
// One snippet at a time.
all("audio").forEach((audio) => {
  audio.onplay = () => all("audio").forEach((other) => { if (other !== audio) other.pause(); });
});

"use strict";
// What the scripts of all reports share; it stands before theirs.
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const data = $("data") ? JSON.parse($("data").textContent) : {};
const clock = (seconds) => {
  const s = Math.round(seconds * 100) / 100;
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60, tail = (s % 60).toFixed(2).padStart(5, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
};

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

// A table of text; onClick is called with the index of a row.
function table(titles, rows, onClick) {
  const node = element("table"), head = element("tr");
  titles.forEach((t) => head.append(element("th", t)));
  node.append(head);
  rows.forEach((row, i) => {
    const line = element("tr");
    row.forEach((cell) => line.append(element("td", cell)));
    if (onClick) { line.className = "jump"; line.onclick = () => onClick(i); }
    node.append(line);
  });
  return node;
}

all(".frames").forEach((strip) => { strip.scrollLeft = (strip.scrollWidth - strip.clientWidth) / 2; });

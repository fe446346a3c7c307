"use strict";
// What the scripts of all pages share; it stands before theirs.
const $ = (id) => document.getElementById(id);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = ["#1d4ed8", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#b91c1c"];
const colour = (i) => palette[i % palette.length];
const figure = (v) => v === null || v === undefined ? "–" : Number.isInteger(v) ? String(v) : v.toFixed(3);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

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

const axes = (x, y) => [
  { stroke: css("--soft"), grid: { stroke: css("--line") }, label: x, labelSize: 18, size: 34 },
  { stroke: css("--soft"), grid: { stroke: css("--line") }, label: y, labelSize: 18, size: 46 },
];

function lines(id, title, x, y, series, options = {}) {
  const host = $(id);
  if (!series.length) { host.remove(); return; }
  const xs = [...new Set(series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const columns = series.map((s) => {
    const lookup = new Map(s.x.map((v, i) => [v, s.y[i]]));
    return xs.map((v) => lookup.has(v) ? lookup.get(v) : undefined);
  });
  const draw = () => {
    host.replaceChildren();
    new uPlot({
      title, width: host.clientWidth, height: 240,
      scales: { x: { time: false }, y: options.unit ? { range: [0, 1.02] } : {} }, axes: axes(x, y),
      series: [{ label: x }, ...series.map((s, i) => ({ label: s.name, stroke: colour(i), width: 2, spanGaps: true,
        points: { show: s.x.length < 40, size: 6 }, value: (_, v) => v === null || v === undefined ? "–" : v.toPrecision(3) }))],
    }, [xs, ...columns], host);
  };
  draw();
  addEventListener("resize", draw);
}

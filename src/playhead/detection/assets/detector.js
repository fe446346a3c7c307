const data = JSON.parse($("data").textContent);
const share = (part, whole) => whole ? `${Math.round(100 * part / whole)} %` : "";

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

const cell = (value, whole) => typeof value === "string" ? value : value === null ? "–" : whole ? value.toLocaleString("en") : value.toFixed(3);

function rows(host, list, { names = {}, counts = false } = {}) {
  if (!list.length) { host.append(element("p", "None.", "note")); return; }
  const titles = Object.keys(list[0]);
  const shown = table(titles.map((t) => names[t] || t), list.map((row) => titles.map((t) => cell(row[t], counts || t === "boxes"))));
  list.forEach((row, i) => { if (i === data.classes.length) shown.rows[i + 1].className = "whole"; });
  host.append(shown);
}

function confusion() {
  const { classes, counts } = data.confusion, last = classes.length;
  const node = table(["there \\ found", ...classes, "missed"], counts.map((row, r) => [r < last ? classes[r] : "nothing", ...row.map(() => "")]));
  node.className = "matrix";
  counts.forEach((row, r) => {
    const sum = row.reduce((a, b) => a + b, 0);
    row.forEach((count, c) => {
      const cell = node.rows[r + 1].cells[c + 1];
      if (r === last && c === last) { cell.textContent = ""; return; }
      cell.append(String(count));
      if (!count) return;
      if (r < last) cell.append(element("small", share(count, sum)));
      cell.className = "filled";
      cell.style.setProperty("--tint", r === c ? "var(--hit)" : "var(--miss)");
      cell.style.setProperty("--share", `${Math.round(8 + 60 * count / sum)}%`);
      const made = c < last ? `found as ${classes[c]}` : "missed";
      cell.title = `${count} ${r < last ? classes[r] : "where nothing is,"} ${made}`;
    });
  });
  $("confusion").append(node);
}

function box(view, corners, kind) {
  if (!corners) return;
  const [x1, y1, x2, y2] = corners;
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  if (kind !== "near") view.append(svg("rect", { ...place, class: "under" }));
  view.append(svg("rect", { ...place, class: kind }));
}

function crop(one) {
  const node = element("figure"), view = element("div", undefined, "view"), [x, y, width, height] = one.view;
  if (one.src) {
    const drawn = svg("svg", { viewBox: one.view.join(" "), role: "img", "aria-label": `${one.label}, ${one.kind}, ${one.words}` });
    drawn.append(svg("image", { x, y, width, height, href: one.src, preserveAspectRatio: "none" }));
    one.near.forEach((corners) => box(drawn, corners, "near"));
    box(drawn, one.true, "true");
    box(drawn, one.found, "seen");
    view.append(drawn);
  } else view.append(element("p", `No crop: the picture ${one.why.startsWith("not") ? `is ${one.why}` : one.why}.`));
  const words = element("figcaption", one.words);
  words.append(element("span", one.picture));
  node.append(view, words);
  return node;
}

function mistakes() {
  const groups = new Map();
  data.mistakes.forEach((one) => {
    const key = JSON.stringify([one.label, one.kind]);
    groups.set(key, [...(groups.get(key) || []), one]);
  });
  for (const list of groups.values()) {
    const { label, kind } = list[0], group = element("div", undefined, "group"), head = element("h3", `${label}: ${kind} `);
    const all = data.mistake_rows.find((row) => row.class === label)[kind];
    const which = kind === "missed" ? "largest" : "surest";
    head.append(element("span", all > list.length ? `${all.toLocaleString("en")}, the ${list.length} ${which}` : String(all)));
    const crops = element("div", undefined, "crops");
    crops.style.setProperty("--crops", list.length);
    list.forEach((one) => crops.append(crop(one)));
    group.append(head, crops);
    group.dataset.label = label;
    group.dataset.kind = kind;
    $("mistakes").append(group);
  }
  const choose = () => document.querySelectorAll(".group").forEach((group) => {
    group.hidden = ($("class").value && group.dataset.label !== $("class").value) || ($("kind").value && group.dataset.kind !== $("kind").value);
  });
  $("class").append(new Option("all", ""), ...data.classes.map((name) => new Option(name, name)));
  $("kind").append(new Option("all", ""), ...data.kinds.map((name) => new Option(name, name)));
  $("class").onchange = $("kind").onchange = choose;
}

$("summary").textContent = data.summary;
$("note").textContent = data.note;
data.tiles.forEach((t) => {
  const tile = element("div", undefined, "tile");
  tile.append(element("b", t.value === null ? "–" : t.value.toFixed(3)), element("span", t.name));
  $("tiles").append(tile);
});
rows($("classes"), data.rows, { names: { ap50: "AP50", ap50_95: "AP50-95", f1: "F1", ap_small: "small", ap_medium: "medium", ap_large: "large",
  "ap50 in": "AP50 in", "ap50_95 in": "AP50-95 in" } });
$("threshold-note").textContent = data.threshold_note;
$("lines-note").textContent = data.lines_note;
lines("pr-chart", "Precision over recall", "recall", "precision", data.precision_recall, { unit: true });
lines("f1-chart", "F1 over threshold", "threshold", "F1", data.f1, { unit: true });
lines("overlap-chart", "AP by overlap", "overlap (IoU)", "AP", data.by_overlap, { unit: true });
confusion();
rows($("kinds"), data.mistake_rows, { counts: true });
if (data.mistakes.length) mistakes();
else {
  document.querySelectorAll("#mistakes-section .controls, #mistakes-section .legend").forEach((node) => node.remove());
  $("mistakes").append(element("p", "None.", "note"));
}
if (data.training.length) {
  lines("loss-chart", "Loss", "step", "loss", data.training.filter((s) => s.kind === "loss"));
  lines("metric-chart", "Validation", "epoch", "", data.training.filter((s) => s.kind === "metric"));
} else $("training-section").remove();
$("versions").append(table(["", ""], Object.entries(data.versions)));
if (data.config) $("config").textContent = data.config;
else $("config-details").remove();

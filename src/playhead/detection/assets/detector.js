const share = (part, whole) => whole ? `${Math.round(100 * part / whole)} %` : "";

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function confusion() {
  const { classes, counts } = data.confusion, last = classes.length;
  const node = table(["true \\ predicted", ...classes, "missed"], counts.map((row, r) => [r < last ? classes[r] : "background", ...row.map(() => "")]));
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
      cell.style.setProperty("--tint", r === c ? "var(--good)" : "var(--bad)");
      cell.style.setProperty("--share", `${Math.round(8 + 60 * count / sum)}%`);
      const predicted = c < last ? `predicted as ${classes[c]}` : "missed";
      cell.title = `${count} ${r < last ? classes[r] : "on background"} ${predicted}`;
    });
  });
  $("confusion").append(node);
}

function box(view, corners, kind) {
  if (!corners) return;
  const [x1, y1, x2, y2] = corners;
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  if (kind !== "other") view.append(svg("rect", { ...place, class: "under" }));
  view.append(svg("rect", { ...place, class: kind }));
}

function crop(mistake) {
  const node = element("figure"), view = element("div", undefined, "view"), [x, y, width, height] = mistake.window;
  if (mistake.src) {
    const drawn = svg("svg", { viewBox: mistake.window.join(" "), role: "img", "aria-label": `${mistake.label}, ${mistake.kind}, ${mistake.description}` });
    drawn.append(svg("image", { x, y, width, height, href: mistake.src, preserveAspectRatio: "none" }));
    mistake.others.forEach((corners) => box(drawn, corners, "other"));
    box(drawn, mistake.true, "true");
    box(drawn, mistake.found, "found");
    view.append(drawn);
  } else view.append(element("p", `No image: ${mistake.reason}.`));
  const caption = element("figcaption", mistake.description);
  caption.append(element("span", mistake.image));
  node.append(view, caption);
  return node;
}

function mistakes() {
  const groups = new Map();
  data.mistakes.forEach((mistake) => {
    const key = JSON.stringify([mistake.label, mistake.kind]);
    groups.set(key, [...(groups.get(key) || []), mistake]);
  });
  for (const list of groups.values()) {
    const { label, kind } = list[0], group = element("div", undefined, "group"), head = element("h3", `${label}: ${kind} `);
    const total = data.counts.find((row) => row[0] === label && row[1] === kind)[2];
    head.append(element("span", total > list.length ? `${total.toLocaleString("en")}, ${kind === "missed" ? `the ${list.length} largest` : `the ${list.length} with the highest scores`}` : String(total)));
    const crops = element("div", undefined, "crops");
    crops.style.setProperty("--crops", list.length);
    list.forEach((mistake) => crops.append(crop(mistake)));
    group.append(head, crops);
    group.dataset.label = label;
    group.dataset.kind = kind;
    $("mistakes").append(group);
  }
  const choose = () => all(".group").forEach((group) => {
    group.hidden = ($("class").value && group.dataset.label !== $("class").value) || ($("kind").value && group.dataset.kind !== $("kind").value);
  });
  $("class").append(new Option("all", ""), ...data.classes.map((name) => new Option(name, name)));
  $("kind").append(new Option("all", ""), ...data.kinds.map((name) => new Option(name, name)));
  $("class").onchange = $("kind").onchange = choose;
}

lines("pr-chart", "Precision over recall", "recall", "precision", data.precision_recall, { unit: true });
lines("f1-chart", "F1 over threshold", "threshold", "F1", data.f1, { unit: true });
lines("overlap-chart", "AP by IoU", "IoU", "AP", data.by_overlap, { unit: true });
confusion();
if (data.mistakes.length) mistakes();
else {
  all("#mistakes-section .controls, #mistakes-section .legend").forEach((node) => node.remove());
  $("mistakes").append(element("p", "None.", "note"));
}
trainingCharts(data.training);

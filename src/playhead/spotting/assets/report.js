// Scores arrive as bytes: 0-254 is the score times 254, 255 is no score.
function decode(video) {
  if (!video.scores) return null;
  if (video.decoded) return video.decoded;
  const step = video.scores.step, start = video.scores.start;
  const values = video.scores.values.map((text) =>
    Array.from(atob(text), (c) => c.charCodeAt(0) === 255 ? null : c.charCodeAt(0) / 254));
  const times = Array.from({ length: values[0].length }, (_, i) => start + i * step);
  return video.decoded = [times, ...values];
}

// Predictions in score order each take the nearest free truth within half the tolerance.
function matchEvents(video, tolerance, threshold, onlyClass) {
  const taken = new Set(), hits = [], falsePositives = [];
  const wanted = (c) => onlyClass < 0 || c === onlyClass;
  const predictions = video.predictions.filter((p) => p.s >= threshold && wanted(p.c)).sort((a, b) => b.s - a.s);
  const truth = video.truth.map((t, i) => ({ ...t, i })).filter((t) => wanted(t.c));
  for (const p of predictions) {
    let best = null;
    for (const t of truth) {
      const gap = Math.abs(t.t - p.t);
      if (t.c === p.c && !taken.has(t.i) && gap <= tolerance / 2 + 1e-9 && (!best || gap < Math.abs(best.t - p.t))) best = t;
    }
    if (best) { taken.add(best.i); hits.push(p); } else falsePositives.push(p);
  }
  return { hits, falsePositives, misses: truth.filter((t) => !taken.has(t.i)), truth };
}

let chart = null, matched = null, shown = null;

function markers(u) {
  if (!matched) return;
  const { ctx } = u, ratio = devicePixelRatio || 1;
  const [low, high] = [u.scales.x.min, u.scales.x.max];
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui`;
  ctx.textAlign = "center";
  const put = (glyph, t, y, tint) => {
    if (t < low || t > high) return;
    ctx.fillStyle = tint;
    ctx.fillText(glyph, u.valToPos(t, "x", true), y);
  };
  const top = u.bbox.top + 11 * ratio;
  matched.truth.forEach((t) => put("▼", t.t, top, colour(t.c)));
  matched.misses.forEach((t) => put("✕", t.t, top + 14 * ratio, css("--bad")));
  matched.hits.forEach((p) => put("●", p.t, u.valToPos(p.s, "y", true) + 4 * ratio, css("--good")));
  matched.falsePositives.forEach((p) => put("◆", p.t, u.valToPos(p.s, "y", true) + 4 * ratio, css("--violet")));
  ctx.restore();
}

function drawTimeline() {
  const video = data.videos[$("video").value], only = Number($("class").value);
  const scores = decode(video) || [[0, video.duration], ...data.classes.map(() => [null, null])];
  if (chart) chart.destroy();
  const series = data.classes.map((name, i) => ({
    label: name, stroke: colour(i), width: 1.4, show: only < 0 || only === i,
    value: (_, v) => v === null ? "–" : v.toFixed(2),
  }));
  chart = new uPlot({
    width: $("timeline").clientWidth, height: 260,
    scales: { x: { time: false, range: (_, a, b) => a === b ? [0, video.duration] : [a, b] }, y: { range: [0, 1.15] } },
    axes: [{ ...axes("", "")[0], label: undefined, size: 30, values: (_, ticks) => ticks.map((t) => clock(t).replace(/\.00$/, "")) }, axes("", "score")[1]],
    series: [{ label: "time", value: (_, v) => v === null ? "–" : clock(v) }, ...series],
    cursor: { drag: { x: true, y: false } }, hooks: { draw: [markers] },
  }, scores, $("timeline"));
  shown = video;
  update();
}

function update() {
  const tolerance = Number($("tolerance").value), threshold = Number($("threshold").value);
  $("tolerance-value").textContent = `${tolerance.toFixed(2)} s (±${(tolerance / 2).toFixed(2)})`;
  $("threshold-value").textContent = threshold.toFixed(2);
  matched = matchEvents(shown, tolerance, threshold, Number($("class").value));
  const precision = matched.hits.length / Math.max(1, matched.hits.length + matched.falsePositives.length);
  const recall = matched.hits.length / Math.max(1, matched.truth.length);
  $("counts").textContent = `${matched.hits.length} hits, ${matched.misses.length} misses, ${matched.falsePositives.length} false positives: ` +
    `precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`;
  const rows = [...matched.misses.map((t) => ({ ...t, kind: "miss" })), ...matched.falsePositives.map((p) => ({ ...p, kind: "false positive" }))]
    .sort((a, b) => a.t - b.t);
  $("mistakes").replaceChildren(eventTable(rows, "mistake"));
  $("hits").replaceChildren(eventTable(matched.hits.map((p) => ({ ...p, kind: "hit" })).sort((a, b) => a.t - b.t), "event"));
  chart.redraw(false);
}

// Rows zoom to their event; the link plays the video, where it lies beside the page.
function eventTable(rows, title) {
  const node = table(["time", "class", title, "score"],
    rows.map((r) => [clock(r.t), data.classes[r.c], r.kind, r.s === undefined ? "–" : r.s.toFixed(2)]),
    (i) => zoomTo(rows[i].t - 3, rows[i].t + 3));
  if (shown.link) rows.forEach((r, i) => {
    const link = element("a", "▶ video"), cell = element("td");
    link.href = `${shown.link}#t=${Math.max(0, r.t - 1).toFixed(2)}`;
    link.target = "_blank";
    link.onclick = (e) => e.stopPropagation();
    cell.append(link);
    node.rows[i + 1].append(cell);
  });
  return node;
}

function zoomTo(low, high) {
  const span = Math.min(high - low, shown.duration);
  const start = Math.max(0, Math.min(low, shown.duration - span));
  chart.setScale("x", { min: start, max: start + span });
}

function zoom(how) {
  const { min, max } = chart.scales.x, span = max - min, middle = (min + max) / 2;
  const [low, high] = {
    left: [min - span / 2, max - span / 2], right: [min + span / 2, max + span / 2],
    in: [middle - span / 4, middle + span / 4], out: [middle - span, middle + span], all: [0, shown.duration],
  }[how];
  zoomTo(low, high);
}

if (data.videos.length) {
  data.videos.forEach((v, i) => $("video").append(new Option(v.name, i)));
  $("class").append(new Option("all", -1), ...data.classes.map((name, i) => new Option(name, i)));
  if (data.tolerance < 1) Object.assign($("tolerance"), { min: 0.01, max: 1, step: 0.01 });
  $("tolerance").value = data.tolerance;
  $("threshold").value = data.threshold;
  $("video").onchange = $("class").onchange = drawTimeline;
  $("tolerance").oninput = $("threshold").oninput = update;
  document.querySelectorAll("[data-zoom]").forEach((b) => b.onclick = () => zoom(b.dataset.zoom));
  drawTimeline();
  addEventListener("resize", () => chart.setSize({ width: $("timeline").clientWidth, height: 260 }));
} else $("timeline-section").remove();

if (data.ap.tolerances.length) {
  lines("ap-chart", "AP by tolerance", "frames to either side", "AP", Object.entries(data.ap.series).map(([name, y]) => ({ name, x: data.ap.tolerances, y })), { unit: true });
  lines("pr-chart", `Precision over recall within ${(data.tolerance / 2).toFixed(2)} s`, "recall", "precision", data.curves, { unit: true });
} else $("ap-section").remove();

all(".moment video").forEach((v) => { v.onmouseenter = () => v.play(); v.onmouseleave = () => v.pause(); });

trainingCharts(data.training);

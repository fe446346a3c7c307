// Charts of the lines that `playhead.report.curves` holds: {kind, name, x, y}, and run, the number of its colour, if that is not its place.
const palette = ["#1d4ed8", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2", "#65a30d", "#b91c1c"];
const colour = (i) => palette[i % palette.length];
const dash = (i) => i < palette.length ? undefined : [8, 4];

// The index nearest to k at which a line has a value, so that lines with other x are told in one legend.
function nearest(values, xs, k) {
  let best = null;
  values.forEach((v, i) => { if (v !== null && v !== undefined && (best === null || Math.abs(xs[i] - xs[k]) < Math.abs(xs[best] - xs[k]))) best = i; });
  return best;
}

const axes = (x, y) => [
  { stroke: css("--soft"), grid: { stroke: css("--line") }, label: x, labelSize: 18, size: 34 },
  { stroke: css("--soft"), grid: { stroke: css("--line") }, label: y, labelSize: 18, size: 46 },
];

// Draw lines in the element with this id, which is removed if there are none; unit: whether y lies in [0, 1];
// mark: an x at which a dashed upright line stands.
function lines(id, title, x, y, series, { unit = false, mark = null } = {}) {
  const host = $(id);
  if (!series.length) { host.remove(); return; }
  const xs = [...new Set(series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const columns = series.map((s) => {
    const lookup = new Map(s.x.map((v, i) => [v, s.y[i]]));
    return xs.map((v) => lookup.has(v) ? lookup.get(v) : undefined);
  });
  const upright = (u) => {
    if (mark === null) return;
    const { ctx } = u, at = u.valToPos(mark, "x", true);
    ctx.save();
    ctx.strokeStyle = css("--soft");
    ctx.setLineDash([6, 4]);
    ctx.beginPath();
    ctx.moveTo(at, u.bbox.top);
    ctx.lineTo(at, u.bbox.top + u.bbox.height);
    ctx.stroke();
    ctx.restore();
  };
  const draw = () => {
    host.replaceChildren();
    const plot = new uPlot({
      title, width: host.clientWidth, height: 240,
      scales: { x: { time: false }, y: unit ? { range: [0, 1.02] } : {} }, axes: axes(x, y), hooks: { draw: [upright] },
      cursor: { dataIdx: (u, i, k) => i === 0 ? k : nearest(u.data[i], xs, k) },
      series: [{ label: x }, ...series.map((s, i) => ({ label: s.name, stroke: colour(s.run ?? i), dash: dash(s.run ?? i), width: 2, spanGaps: true,
        points: { show: s.x.length < 40, size: 6 }, value: (_, v) => v === null || v === undefined ? "–" : v.toPrecision(3) }))],
    }, [xs, ...columns], host);
    // Until the pointer is on the chart, the legend has the values at the mark, or the last ones.
    const near = (k, at) => Math.abs(xs[k] - at);
    const at = mark === null ? xs.length - 1 : xs.reduce((best, _, k) => near(k, mark) < near(best, mark) ? k : best, 0);
    setTimeout(() => plot.setLegend({ idxs: [at, ...columns.map((values) => nearest(values, xs, at))] }), 0);
  };
  draw();
  addEventListener("resize", draw);
}

// The section "Training" of a template: charts `loss-chart` and `metric-chart`.
function trainingCharts(curves) {
  if (!curves.length) { $("training-section").remove(); return; }
  lines("loss-chart", "Loss", "step", "loss", curves.filter((s) => s.kind === "loss"));
  lines("metric-chart", "Validation", "epoch", "", curves.filter((s) => s.kind === "metric"));
}

const PAGE = 40;  // tracks that are added to the list at a time
const many = (n, one, more = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
const number = (text) => String(text).trim() === "" ? NaN : Number(text);
// Rounded outwards, so that rounding leaves no frame visible. A start is rounded to microseconds: any earlier it
// would take in the frame before, which is still displayed then.
const early = (s) => Math.max(0, Math.floor(s * 1e6 + 1e-3) / 1e6), late = (s) => Math.ceil(s * 1000 - 1e-6) / 1000;

// The decisions. `boxes` and `spans` are saved as they are; kept ids are compared with those of the track file.
const ids = new Set(data.tracks.map((t) => t.id));
let kept = new Set(data.shown), boxes = data.boxes, spans = data.spans;
const edits = () => ({
  schema: data.schema, video: data.video, tracks: data.identity,
  keep: [...kept].sort((a, b) => a - b), hide: data.shown.filter((id) => !kept.has(id)),
  boxes, spans,
});
let saved = JSON.stringify(edits());
const dirty = () => JSON.stringify(edits()) !== saved;

function spanMistake([start, end]) {
  if (!Number.isFinite(start) || !Number.isFinite(end)) return "needs a start and an end in seconds";
  if (start < 0 || end <= start) return "must end after it starts, at 0 s or later";
  return start >= data.duration - 1e-6 ? `starts after the end of the video (${data.duration.toFixed(3)} s)` : "";
}

function cornersMistake(box) {
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) return "needs a rectangle; draw it on the image";
  const [x1, y1, x2, y2] = box;
  if (x2 - x1 < 1 || y2 - y1 < 1) return "has a rectangle without area; draw it on the image";
  return x1 >= data.width || y1 >= data.height || x2 <= 0 || y2 <= 0 ? "lies outside the image" : "";
}

function boxMistake(box) {
  if (!box || !data.labels.includes(box.label)) return `needs a label: ${data.labels.join(", ")}`;
  const end = box.end_box && cornersMistake(box.end_box);
  return spanMistake([box.start, box.end]) || cornersMistake(box.box) || (end ? `at the end ${end}` : "");
}

const mistake = () => {
  const place = spans.findIndex(spanMistake);
  return place < 0 ? "" : `Time span ${place + 1} ${spanMistake(spans[place])}.`;
};

// Tracks.
let listed = [], rendered = 0;
const orders = {
  time: (a, b) => a.start - b.start || a.id - b.id,
  long: (a, b) => b.end - b.start - (a.end - a.start) || a.id - b.id,
  short: (a, b) => a.end - a.start - (b.end - b.start) || a.id - b.id,
  unsure: (a, b) => a.score - b.score || a.id - b.id,
};

function listTracks() {
  const label = $("label").value, which = $("which").value;
  listed = data.tracks.filter((t) => (!label || t.label === label) && (which === "all" || kept.has(t.id) === (which === "kept")));
  listed.sort(orders[$("order").value]);
  $("track-list").replaceChildren();
  rendered = 0;
  moreTracks();
  $("count").textContent = many(listed.length, "track");
}

function moreTracks() {
  $("track-list").append(...listed.slice(rendered, rendered + PAGE).map(card));
  rendered = Math.min(listed.length, rendered + PAGE);
  $("more").hidden = rendered === listed.length;
  $("more").textContent = `Show more (${many(listed.length - rendered, "track")} left)`;
}

function card(track) {
  const node = element("article", undefined, "track"), top = element("div", undefined, "top"), strip = element("div", undefined, "strip");
  const counts = Object.entries(track.counts).map(([name, n]) => `${n} ${name}`).join(", ");
  const toggle = element("label", undefined, "switch"), box = element("input"), words = element("span");
  box.type = "checkbox";
  box.setAttribute("role", "switch");
  const show = () => {
    box.checked = kept.has(track.id);
    node.classList.toggle("kept", box.checked);
    words.textContent = box.checked ? "KEPT VISIBLE" : "hidden – keep visible";
  };
  box.onchange = () => {
    if (box.checked) kept.add(track.id); else kept.delete(track.id);
    show();
    tell();
  };
  show();
  toggle.append(box, words);
  top.append(element("h3", `${track.label} #${track.id}`),
    element("span", `${clock(track.start)} – ${clock(track.end)} (${(track.end - track.start).toFixed(1)} s) · best score ${track.score.toFixed(2)} · ${counts}`, "facts"), toggle);
  for (const crop of track.crops) {
    const figure = element("figure"), image = element("img");
    image.src = crop.src;
    image.alt = `${track.label} at ${clock(crop.time)}`;
    image.loading = "lazy";
    figure.append(image, element("figcaption", clock(crop.time)));
    strip.append(figure);
  }
  if (!track.crops.length) strip.append(element("span", "no image", "note"));
  node.append(top, strip);
  return node;
}

function step(by) {
  let switches = all("#track-list .switch input");
  const at = switches.indexOf(document.activeElement) + by;
  if (at >= switches.length && rendered < listed.length) { moreTracks(); switches = all("#track-list .switch input"); }
  const next = switches[Math.max(0, Math.min(at, switches.length - 1))];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.closest(".track").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || view !== "tracks") return;
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
});

// Added boxes. The rectangle being drawn lives in `draft`, in pixels of the video.
let moment = 0, draft = { box: null, end_box: null };
const drawing = () => $("moves").checked ? $("drawing").value : "box";
const at = (box, t) => {
  const part = Math.min(1, Math.max(0, (t - box.start) / (box.end - box.start)));
  return box.box.map((v, i) => v + ((box.end_box || box.box)[i] - v) * part);
};

function chooseMoment(index) {
  moment = index;
  const chosen = data.moments[index], after = data.moments[index + 1];
  $("image").src = chosen.src;
  all("#moment-list button").forEach((b, i) => b.setAttribute("aria-pressed", i === index));
  if (!draft.box) {
    $("from").value = early(chosen.time);
    $("to").value = late(after ? after.time : data.duration);
  }
  drawOverlay();
}

function drawOverlay() {
  if (!data.moments.length) return;  // no frame could be read
  const svg = $("overlay"), now = data.moments[moment];
  svg.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
  svg.replaceChildren();
  const put = ([x1, y1, x2, y2], className) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const values = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1), class: className };
    for (const [name, value] of Object.entries(values)) rect.setAttribute(name, value);
    svg.append(rect);
  };
  data.moments[moment].boxes.forEach(([id, ...corners]) => put(corners, kept.has(id) ? "kept" : "hidden"));
  // A box is on every frame that is displayed while it stands.
  boxes.filter((b) => b.start < now.end - 1e-6 && now.time < b.end - 1e-6).forEach((b) => put(at(b, now.time), "drawn"));
  for (const name of ["box", "end_box"])
    if (draft[name] && !cornersMistake(draft[name]) && (name === "box" || $("moves").checked)) put(draft[name], name === drawing() ? "new" : "other");
}

function showCorners() {
  const corners = draft[drawing()] || ["", "", "", ""];
  all("[data-corner]").forEach((input, i) => { input.value = corners[i]; });
  drawOverlay();
}

let from = null;
const point = (event) => {
  const area = $("stage").getBoundingClientRect();
  const within = (v, most) => Math.round(Math.min(1, Math.max(0, v)) * most * 10) / 10;
  return [within((event.clientX - area.left) / area.width, data.width), within((event.clientY - area.top) / area.height, data.height)];
};
$("stage").onpointerdown = (event) => {
  from = point(event);
  $("stage").setPointerCapture(event.pointerId);
};
$("stage").onpointermove = (event) => {
  if (!from) return;
  const to = point(event);
  const box = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
  if (cornersMistake(box)) return;  // a click, not a rectangle
  draft[drawing()] = box;
  showCorners();
};
$("stage").onpointerup = $("stage").onpointercancel = () => { from = null; };
all("[data-corner]").forEach((input) => {
  input.oninput = () => {
    draft[drawing()] = all("[data-corner]").map((one) => number(one.value));
    drawOverlay();
  };
});
all("[data-now]").forEach((button) => {
  const round = button.dataset.now === "from" ? early : late;
  button.onclick = () => { $(button.dataset.now).value = round(data.moments[moment].time); };
});
$("moves").onchange = () => { $("drawing-label").hidden = !$("moves").checked; showCorners(); };
$("drawing").onchange = showCorners;

$("form").onsubmit = (event) => {
  event.preventDefault();
  const box = { label: $("box-label").value, start: number($("from").value), end: number($("to").value), box: draft.box };
  if ($("moves").checked) box.end_box = draft.end_box || [];
  const wrong = boxMistake(box);
  $("box-message").textContent = wrong && `The box ${wrong}.`;
  if (wrong) return;
  boxes = [...boxes, box];
  draft = { box: null, end_box: null };
  listBoxes();
  showCorners();
};

function listBoxes() {
  $("box-list").replaceChildren(...boxes.map((box, i) => {
    const row = element("div", undefined, "row"), show = element("button", "Look"), remove = element("button", "Remove");
    const [x1, y1, x2, y2] = box.box.map(Math.round);
    show.onclick = () => {
      const later = data.moments.findIndex((m) => m.end > box.start);
      chooseMoment(later < 0 ? data.moments.length - 1 : later);
      $("stage").scrollIntoView({ block: "nearest" });
    };
    remove.onclick = () => { boxes = boxes.filter((_, place) => place !== i); listBoxes(); };
    row.append(element("b", box.label), element("span", `${clock(box.start)} – ${clock(box.end)}`),
      element("span", `${x2 - x1}×${y2 - y1} at ${x1}, ${y1}${box.end_box ? ", moves" : ""}`), show, remove);
    return row;
  }));
  if (!boxes.length) $("box-list").append(element("p", "None yet.", "note"));
  drawOverlay();
  tell();
}

// Time spans.
function listSpans() {
  $("span-list").replaceChildren(...spans.map((span, i) => {
    const row = element("div", undefined, "row"), remove = element("button", "Remove"), wrong = element("span", spanMistake(span) || "", "bad");
    row.append(element("span", "from"));
    ["start", "end"].forEach((name, side) => {
      const input = element("input");
      input.type = "number";
      input.step = "any";
      input.value = Number.isFinite(span[side]) ? span[side] : "";
      input.setAttribute("aria-label", `${name} of span ${i + 1} in seconds`);
      input.oninput = () => {
        spans = spans.map((one, place) => place === i ? one.map((v, s) => s === side ? number(input.value) : v) : one);
        wrong.textContent = spanMistake(spans[i]);
        tell();
      };
      row.append(input, element("span", side ? "s" : "s to"));
    });
    remove.onclick = () => { spans = spans.filter((_, place) => place !== i); listSpans(); };
    row.append(remove, wrong);
    return row;
  }));
  tell();
}
$("add-span").onclick = () => { spans = [...spans, [0, late(data.duration)]]; listSpans(); };

// Saving and loading.
$("download").onclick = () => {
  const wrong = mistake();
  $("save-message").textContent = wrong;
  $("save-message").className = "bad";
  if (wrong) return;
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(edits(), null, 1) + "\n"], { type: "application/json" }));
  link.download = data.edits_file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  saved = JSON.stringify(edits());
  tell();
};
$("copy").onclick = () => { $("json").select(); document.execCommand("copy"); };
$("load").onchange = async () => {
  const file = $("load").files[0];
  if (!file) return;
  const wrong = load(await file.text());
  $("load-message").className = wrong ? "bad" : "good";
  $("load-message").textContent = wrong ? `${file.name}: ${wrong}; nothing was changed.` : `Loaded ${file.name}.`;
  $("load").value = "";
};

function load(text) {
  let given;
  try { given = JSON.parse(text); } catch (error) { return `is not JSON (${error.message})`; }
  if (!given || given.schema !== data.schema) return `is not a file of edits of schema ${data.schema}`;
  if (given.video !== data.video) return `is of ${given.video}, this page is of ${data.video}`;
  if ("tracks" in given && given.tracks !== data.identity) return `is of other tracks than ${data.tracks_file} had for this page`;
  const { keep = [], hide = [] } = given, newBoxes = given.boxes ?? boxes, newSpans = given.spans ?? spans;
  if (![keep, hide, newBoxes, newSpans].every(Array.isArray)) return "has an entry that is no list";
  const unknown = [...keep, ...hide].find((id) => !ids.has(id));
  if (unknown !== undefined) return `names track ${unknown}, which is not here`;
  const box = newBoxes.findIndex(boxMistake), span = newSpans.findIndex((s) => !Array.isArray(s) || s.length !== 2 || spanMistake(s));
  if (box >= 0) return `box ${box + 1} ${boxMistake(newBoxes[box])}`;
  if (span >= 0) return `time span ${span + 1} must end after it starts`;
  kept = new Set([...data.shown, ...keep].filter((id) => !hide.includes(id)));
  boxes = newBoxes;
  spans = newSpans;
  saved = JSON.stringify(edits());
  listTracks();
  listBoxes();
  listSpans();
  return "";
}

addEventListener("beforeunload", (event) => { if (dirty()) event.preventDefault(); });

function tell() {
  const facts = [`${many(kept.size, "track")} kept visible`, many(boxes.length, "added box", "added boxes"),
    spans.length ? `hidden only in ${many(spans.length, "span")}` : "hidden from start to end"];
  const unsaved = dirty();
  $("status").textContent = (unsaved ? "Unsaved changes · " : "") + facts[0] + (boxes.length ? ` · ${facts[1]}` : "") + (spans.length ? ` · ${facts[2]}` : "");
  $("status").className = unsaved ? "bad" : "";
  $("decided").textContent = `${many(data.tracks.length - kept.size, "track")} hidden, ${facts.join(", ")}.`;
  $("spans-note").textContent = spans.length
    ? "Outside these spans NOTHING is hidden, except frames that could not be looked at. Times are seconds from the first frame."
    : `Everything is hidden from start to end (${data.duration.toFixed(3)} s). Add a span only where all the rest may stay visible.`;
  $("spans-note").className = spans.length ? "warn" : "note";
  $("json").value = mistake() || JSON.stringify(edits(), null, 1);
}

// Views.
let view = "tracks";
function choose(name) {
  view = name;
  all("[data-of]").forEach((section) => { section.hidden = section.dataset.of !== name; });
  all("[data-view]").forEach((tab) => tab.setAttribute("aria-selected", tab.dataset.view === name));
  if (name === "add") drawOverlay();
}
all("[data-view]").forEach((tab) => { tab.onclick = () => choose(tab.dataset.view); });

function start() {
  const labels = [...new Set(data.tracks.map((t) => t.label))].sort();
  $("label").append(new Option("all", ""), ...labels.map((name) => new Option(name, name)));
  $("box-label").append(...data.labels.map((name) => new Option(name, name)));
  $("summary").textContent = `${data.tracks_file}: ${many(data.tracks.length, "track")} in ${many(data.frames, "frame")} of ` +
    `${data.width}×${data.height}, ${clock(data.duration)} long.` +
    (data.unseen ? ` ${many(data.unseen, "frame")} could not be analysed and ${data.unseen === 1 ? "is" : "are"} hidden whole.` : "");
  $("few").textContent = data.few
    ? `There are too many tracks for full film strips: ${many(data.few, "track")}, neither the longest nor those with the lowest scores, ${data.few === 1 ? "has" : "have"} one image or none.` : "";
  $("file").textContent = data.edits_file;
  $("command").textContent = data.command;
  $("moment-list").append(...data.moments.map((m, i) => {
    const button = element("button"), image = element("img");
    image.src = m.src;
    image.alt = "";
    image.loading = "lazy";
    button.append(image, clock(m.time));
    button.onclick = () => chooseMoment(i);
    return button;
  }));
  for (const name of ["label", "which", "order"]) $(name).onchange = listTracks;
  $("more").onclick = moreTracks;
  new IntersectionObserver((seen) => { if (seen[0].isIntersecting && rendered < listed.length) moreTracks(); }, { rootMargin: "600px" }).observe($("more"));
  choose(location.hash.slice(1) in { tracks: 1, add: 1, spans: 1, save: 1 } ? location.hash.slice(1) : "tracks");
  if (data.moments.length) chooseMoment(0);
  listTracks();
  listBoxes();
  listSpans();
}
start();

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const INK = "#1b2733", SOFT = "#5b6770";

  // ---- table: click a heading to sort, again to turn round ----
  const table = byId("card");
  table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.closest("th"), column = heading.cellIndex, body = table.tBodies[0];
    const up = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const key = (row) => row.cells[column].dataset.value;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return up * (column === 0 ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
    });
    table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
    body.append(...rows);
  }));
  const all = byId("all");
  if (all) all.addEventListener("change", () => {
    table.classList.toggle("all", all.checked);
    table.querySelectorAll("th.group").forEach((th) => { th.colSpan = th.dataset[all.checked ? "all" : "few"]; });
  });

  // ---- drawing ----
  function canvasOf(element, width, height) {
    const ratio = window.devicePixelRatio || 1;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    element.style.height = `${height}px`;
    const pen = element.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    return pen;
  }
  function ticks(low, high, count) {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step) out.push(Math.round(v / step) * step);
    return out;
  }
  const number = (v) => Number(v.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 3 });
  function axes(pen, box, x, y, xLabel, yLabel) {
    pen.strokeStyle = SOFT; pen.lineWidth = 0.7; pen.strokeRect(box.left, box.top, box.width, box.height);
    pen.fillStyle = "#3c4750"; pen.textBaseline = "top"; pen.textAlign = "center";
    for (const v of ticks(x[0], x[1], Math.max(2, box.width / 85))) {
      const at = box.left + box.width * (v - x[0]) / (x[1] - x[0]);
      pen.fillRect(at, box.top + box.height, 0.7, 4);
      pen.fillText(number(v), at, box.top + box.height + 6);
    }
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (const v of ticks(y[0], y[1], Math.max(2, box.height / 40))) {
      const at = box.top + box.height * (v - y[0]) / (y[1] - y[0]);
      pen.fillRect(box.left - 4, at, 4, 0.7);
      pen.fillText(number(v), box.left - 6, at);
    }
    pen.fillStyle = INK; pen.textAlign = "center"; pen.textBaseline = "bottom";
    pen.fillText(xLabel, box.left + box.width / 2, box.top + box.height + 34);
    pen.save(); pen.translate(10, box.top + box.height / 2); pen.rotate(-Math.PI / 2); pen.textBaseline = "middle";
    pen.fillText(yLabel, 0, 0); pen.restore();
  }
  function colours(hex) {
    return Uint8Array.from({ length: 768 }, (_, k) => parseInt(hex.slice(2 * k, 2 * k + 2), 16));
  }
  function raster(values, rows, columns, low, high, map) {
    const picture = document.createElement("canvas");
    picture.width = columns; picture.height = rows;
    const pen = picture.getContext("2d"), image = pen.createImageData(columns, rows);
    for (let k = 0; k < values.length; k++) {
      const c = 3 * Math.max(0, Math.min(255, Math.round(255 * (values[k] - low) / (high - low))));
      image.data.set([map[c], map[c + 1], map[c + 2], 255], 4 * k);
    }
    pen.putImageData(image, 0, 0);
    return picture;
  }

  // ---- models ----
  const m = data.models;
  const values = new Map();
  function model(text) {
    if (!values.has(text)) {
      const whole = new Uint16Array(bytes(text).buffer);
      values.set(text, Float32Array.from(whole, (v) => m.low + (m.high - m.low) * v / 65535));
    }
    return values.get(text);
  }
  const maps = { value: colours(m.maps.value), change: colours(m.maps.change) };
  const most = Math.max(1, ...m.runs.map((r) => r.steps[r.steps.length - 1].solves));
  const panels = byId("panels"), view = byId("view"), slider = byId("step"), says = byId("step-says");
  const marks = [...new Set(m.runs.flatMap((r) => r.steps.map((s) => s.solves)))].sort((a, b) => a - b);
  slider.max = marks.length - 1; slider.value = marks.length - 1;
  const entries = [];
  if (m.truth) entries.push({ name: "truth", fixed: m.truth });
  m.runs.forEach((run) => entries.push({ name: run.name, run }));
  entries.forEach((entry) => {
    const figure = document.createElement("figure"), title = document.createElement("h3");
    entry.canvas = document.createElement("canvas"); entry.caption = document.createElement("figcaption");
    title.textContent = entry.name; entry.canvas.setAttribute("role", "img");
    figure.append(title, entry.canvas, entry.caption); panels.append(figure);
    entry.canvas.addEventListener("mousemove", (event) => point(entry, event));
    entry.canvas.addEventListener("mouseleave", () => { byId("probe").textContent = probeHint; });
  });
  const probeHint = byId("probe").textContent;
  let wanted = 0;
  const stepOf = (run) => run.steps.reduce((best, s) => (s.solves <= wanted ? s : best), run.steps[0]);
  function reference(entry) {
    if (view.value === "truth") return model(m.truth);
    if (view.value === "start") return model(m.starts[entry.run ? entry.run.start : 0]);
    return model(stepOf(m.runs[Number(view.value.slice(4))]).values);
  }
  function shown(entry) {
    const values = model(entry.fixed || stepOf(entry.run).values);
    if (view.value === "model") return values;
    const other = reference(entry);
    return values.map((v, k) => v - other[k]);
  }
  function describe(entry) {
    if (!entry.run) return view.value === "model" ? "what the runs are measured against" : "";
    const s = stepOf(entry.run), band = s.band === null ? "all frequencies" : `up to ${number(s.band)} Hz`;
    const error = s.rmse === null ? "" : `, RMSE ${s.rmse.toFixed(1)} m/s`;
    return `${band}, update ${s.iteration}, ${s.solves} solves${error}`;
  }
  function drawModels() {
    const plain = view.value === "model", [rows, columns] = m.shape;
    const limits = plain ? m.scale : [-m.change, m.change], map = plain ? maps.value : maps.change;
    wanted = marks[Number(slider.value)];
    says.textContent = `${wanted} of ${most} solves`;
    const [z, x] = m.extent, [dz, dx] = m.spacing;
    for (const entry of entries) {
      const width = entry.canvas.clientWidth || 480, box = { left: 58, top: 6, width: width - 70, height: 0 };
      box.height = box.width * m.stretch * (rows * dz) / (columns * dx);
      const pen = canvasOf(entry.canvas, width, box.top + box.height + 38);
      entry.box = box; entry.values = shown(entry);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(raster(entry.values, rows, columns, limits[0], limits[1], map), box.left, box.top, box.width, box.height);
      axes(pen, box, [x[0] - dx / 2, x[0] + (columns - 0.5) * dx], [z[0] - dz / 2, z[0] + (rows - 0.5) * dz], "x (m)", "depth (m)");
      entry.caption.textContent = describe(entry);
      entry.canvas.setAttribute("aria-label", `${entry.name}: ${describe(entry)}`);
    }
    const bar = byId("bar"), width = Math.min(520, bar.clientWidth || 520), pen = canvasOf(bar, bar.clientWidth || 520, 48);
    const ramp = Float32Array.from({ length: 256 }, (_, k) => k);
    pen.drawImage(raster(ramp, 1, 256, 0, 255, map), 16, 4, width - 32, 12);
    pen.fillStyle = "#3c4750"; pen.textAlign = "center"; pen.textBaseline = "top";
    for (const v of ticks(limits[0], limits[1], 6)) pen.fillText(number(v), 16 + (width - 32) * (v - limits[0]) / (limits[1] - limits[0]), 19);
    pen.fillText(plain ? "P velocity (m/s)" : "difference of P velocity (m/s)", width / 2, 33);
  }
  function point(entry, event) {
    const b = entry.box, [rows, columns] = m.shape;
    const i = Math.floor((event.offsetY - b.top) / b.height * rows), k = Math.floor((event.offsetX - b.left) / b.width * columns);
    if (i < 0 || k < 0 || i >= rows || k >= columns) return;
    const where = `x ${number(m.origin[1] + k * m.spacing[1])} m, depth ${number(m.origin[0] + i * m.spacing[0])} m: `;
    byId("probe").textContent = where + entries.map((e) => `${e.name} ${e.values[i * columns + k].toFixed(0)}`).join(" · ") + " m/s";
  }
  view.addEventListener("change", drawModels);
  slider.addEventListener("input", drawModels);

  // ---- gathers ----
  const g = data.gathers;
  const chosen = { run: byId("gather-run"), shot: byId("gather-shot"), kind: byId("gather-kind") };
  function drawGathers() {
    const shot = g.shots[Number(chosen.shot.value)], samples = g.samples;
    const observed = new Int8Array(bytes(shot.observed).buffer);
    const predicted = new Int8Array(bytes(shot.predicted[Number(chosen.run.value)]).buffer);
    const left = Int16Array.from(observed, (v, k) => v - predicted[k]);
    const regular = shot.offsets.every((o, k) => o !== null && (k === 0 || o > shot.offsets[k - 1]));
    const at = regular ? shot.offsets : shot.offsets.map((_, k) => k + 1);
    const gap = at.length > 1 ? (at[at.length - 1] - at[0]) / (at.length - 1) : 1;
    const x = [at[0] - gap / 2, at[at.length - 1] + gap / 2], t = [g.start, g.start + g.step * (samples - 1)];
    for (const [id, traces] of [["observed", observed], ["predicted", predicted], ["residual", left]]) {
      const element = byId(`gather-${id}`), width = element.clientWidth || 340, height = 420;
      const box = { left: 50, top: 4, width: width - 58, height: height - 44 };
      const pen = canvasOf(element, width, height);
      if (chosen.kind.value === "image") picture(pen, box, traces, at, x, gap, samples);
      else wiggles(pen, box, traces, at, x, gap, samples);
      axes(pen, box, x, t, regular ? "offset (m)" : "trace", "time (s)");
    }
  }
  function picture(pen, box, traces, at, x, gap, samples) {
    const turned = new Float32Array(traces.length), n = at.length;
    for (let r = 0; r < n; r++) for (let k = 0; k < samples; k++) turned[k * n + r] = traces[r * samples + k];
    const grey = Uint8Array.from({ length: 768 }, (_, k) => 255 - Math.floor(k / 3));
    pen.imageSmoothingEnabled = true;
    pen.drawImage(raster(turned, samples, n, -64, 64, grey), box.left, box.top, box.width, box.height);
  }
  function wiggles(pen, box, traces, at, x, gap, samples) {
    const each = Math.max(1, Math.ceil(at.length / 60));
    pen.save(); pen.beginPath(); pen.rect(box.left, box.top, box.width, box.height); pen.clip();
    pen.strokeStyle = INK; pen.fillStyle = INK; pen.lineWidth = 0.6;
    const px = box.width / (x[1] - x[0]);
    for (let r = 0; r < at.length; r += each) {
      const middle = box.left + px * (at[r] - x[0]), size = 0.9 * gap * each * px / 64;
      const point = (k) => [middle + size * traces[r * samples + k], box.top + box.height * k / (samples - 1)];
      pen.beginPath(); pen.moveTo(middle, box.top);
      for (let k = 0; k < samples; k++) { const [a, b] = point(k); pen.lineTo(Math.max(a, middle), b); }
      pen.lineTo(middle, box.top + box.height); pen.fill();
      pen.beginPath();
      for (let k = 0; k < samples; k++) pen.lineTo(...point(k));
      pen.stroke();
    }
    pen.restore();
  }
  if (g) Object.values(chosen).forEach((select) => select.addEventListener("change", drawGathers));

  function draw() { drawModels(); if (g) drawGathers(); }
  let waiting = 0;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
  draw();
})();

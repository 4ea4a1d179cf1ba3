// The dashboard: tables first, which hold every number, and charts beside them.
import { BarController, BarElement, CategoryScale, Chart, Legend, LinearScale, LineController, LineElement, LogarithmicScale,
  PointElement, Tooltip } from "chart.js";
import { before, engineNames, LIMIT, memoryRatio, metrics, ratio, rows, summary } from "./data.js";

Chart.register(BarController, BarElement, CategoryScale, Legend, LinearScale, LineController, LineElement, LogarithmicScale,
  PointElement, Tooltip);

const results = JSON.parse(document.getElementById("results").textContent);
const last = results.length - 1;
const now = results[last];
const previous = now ? before(results, last) : null;
const state = { threads: Object.keys(now?.threads ?? {})[0], type: "all", order: "ratio", metric: "median_ms", find: "", history: "" };
const charts = {};

const at = (id) => document.getElementById(id);
const escape = (text) => String(text ?? "").replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const engineColor = (name) => color(name === "linnet" ? "accent" : name);
const digits = (value, count = 3) => value === null || value === undefined ? "–"
  : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2)
    : value >= 0.01 || value === 0 ? value.toFixed(count) : value.toPrecision(2);
const times = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
const percent = (value) => (value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} %`);
const judged = (value, limit = 1) => `<td class="${value === null ? "" : value <= limit ? "good" : "bad"}">${times(value)}</td>`;

function shown() {
  const find = state.find.toLowerCase();
  const list = rows(now, previous, state.threads)
    .filter((row) => (state.type === "all" || row.facts.type === state.type) && row.name.toLowerCase().includes(find));
  const key = { name: (r) => r.name, ratio: (r) => r.latency ?? 1e9, time: (r) => -r.figures.linnet.median_ms }[state.order];
  return list.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

// ---- the summary ----

function tile(value, text, kind = "") {
  return `<div class="tile ${kind}"><b>${value}</b><span>${text}</span></div>`;
}

function drawTiles() {
  const all = rows(now, previous, state.threads);
  const s = summary(now, state.threads);
  const compared = all.filter((row) => row.latency !== null);
  const behind = compared.filter((row) => row.latency > 1 + LIMIT).length;
  const worse = all.filter((row) => row.regressed);
  const size = now.library_bytes?.linnet;
  const good = now.accuracy;
  at("tiles").innerHTML =
    tile(s.latency === null ? "–" : `${times(s.latency)}×`, "latency against the best peer, geometric mean", s.latency < 1 ? "good" : "bad") +
    tile(s.start === null ? "–" : `${times(s.start)}×`, "load + first run against the best peer", s.start < 1 ? "good" : "bad") +
    tile(s.memory === null ? "–" : `${times(s.memory)}×`, "resident memory of LiteRT's", s.memory < 1 ? "good" : "bad") +
    tile(`${compared.length - behind} / ${compared.length}`, `models not slower than the best peer by more than ${100 * LIMIT} %`, behind ? "bad" : "good") +
    (size ? tile(`${(size / 1e6).toFixed(2)} MB`, "the whole library, stripped") : "") +
    (good ? tile(`${good.passed} / ${good.passed + good.failed}`,
      `real models as recorded${good.integer_models ? `; ${good.integer_equal} of ${good.integer_models} integer ones bit for bit` : ""}`,
      good.failed ? "bad" : "good") : "");
  at("warning").innerHTML = worse.length === 0 ? ""
    : `<b class="bad">${worse.length} model${worse.length > 1 ? "s" : ""} slower by more than ${100 * LIMIT} % than in ${escape(previous.label)}:</b> ` +
      worse.map((row) => `${escape(row.name)} (${percent(row.changed)})`).join(", ");
}

// ---- charts ----

function draw(id, config) {
  charts[id]?.destroy();
  charts[id] = new Chart(at(id), config);
}

function options(extra = {}) {
  const grid = { color: color("line") }, ticks = { color: color("soft") };
  return {
    responsive: true, maintainAspectRatio: false, animation: false, indexAxis: "y",
    plugins: { legend: { display: false, labels: { color: color("ink"), boxWidth: 12 } }, ...extra.plugins },
    scales: {
      x: { type: "logarithmic", grid, ticks: { ...ticks, maxRotation: 0, callback: tickText, ...extra.x?.ticks }, ...extra.bounds },
      y: { grid: { display: false }, ticks: { ...ticks, autoSkip: false, callback: nameText, font: { size: 11 } } },
    },
  };
}

const marks = [.05, .1, .2, .3, .5, .7, 1, 1.5, 2, 3, 5, 10, 20, 50];

// On a log scale the marks at 1, 2 and 5.
function tickText(value) {
  const lead = Number(value.toExponential()[0]);
  return [1, 2, 5].includes(lead) ? `${Number(value.toPrecision(3))}` : "";
}

function nameText(value) {
  const name = this.getLabelForValue(value), most = window.innerWidth < 860 ? 22 : 34;
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

// Each bar's number at its end.
const valueLabels = {
  id: "valueLabels",
  afterDatasetsDraw(chart) {
    const { ctx } = chart;
    ctx.save();
    ctx.font = "11px system-ui, sans-serif";
    ctx.fillStyle = color("soft");
    ctx.textBaseline = "middle";
    chart.getDatasetMeta(0).data.forEach((bar, i) => {
      const value = chart.data.datasets[0].data[i], left = value <= 1;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(value.toFixed(2), bar.x + (left ? -4 : 4), bar.y);
    });
    ctx.restore();
  },
};

function drawRatios(list) {
  const known = list.filter((row) => row.latency !== null);
  const values = known.map((row) => row.latency);
  at("ratios").parentElement.style.height = `${known.length * 30 + 50}px`;
  draw("ratios", {
    type: "bar",
    data: {
      labels: known.map((row) => row.name),
      datasets: [{ label: "linnet / best peer", data: values, base: 1, barPercentage: .7, categoryPercentage: .9, borderRadius: 3,
        backgroundColor: values.map((value) => color(value <= 1 ? "good" : "bad")) }],
    },
    options: options({
      bounds: {
        min: Math.min(0.6, ...values) * .72, max: Math.max(1.5, ...values) * 1.45,
        afterBuildTicks: (axis) => { axis.ticks = marks.filter((m) => m >= axis.min && m <= axis.max).map((value) => ({ value })); },
        ticks: { color: color("soft"), callback: (value) => `${value}` },
      },
    }),
    plugins: [valueLabels],
  });
}

function drawEngines(list) {
  const metric = metrics[state.metric];
  const engines = Object.keys(engineNames).filter((name) => list.some((row) => row.figures[name]));
  at("engines-title").textContent = metric.title;
  at("engines-note").textContent = metric.note;
  at("engines").parentElement.style.height = `${list.length * 30 + 80}px`;
  const config = options();
  config.plugins.legend.display = true;
  config.plugins.tooltip = { callbacks: { label: (item) => `${item.dataset.label}: ${digits(item.parsed.x)} ${metric.unit}` } };
  draw("engines", {
    type: "bar",
    data: {
      labels: list.map((row) => row.name),
      datasets: engines.map((name) => ({
        label: engineNames[name], backgroundColor: engineColor(name), borderRadius: 2, barPercentage: .95, categoryPercentage: .8,
        data: list.map((row) => (row.figures[name] ? row.figures[name][state.metric] * (metric.scale ?? 1) : null)),
      })),
    },
    options: config,
  });
}

function drawHistory() {
  const model = state.history;
  const lines = model
    ? [["linnet / best peer", (r) => ratio(r.threads[state.threads]?.models?.[model], "median_ms"), "accent"],
       ["load + first run", (r) => ratio(r.threads[state.threads]?.models?.[model], "start_ms"), "openvino"],
       ["memory / LiteRT", (r) => memoryRatio(r.threads[state.threads]?.models?.[model]), "litert"]]
    : [["latency", (r) => summary(r, state.threads).latency, "accent"], ["load + first run", (r) => summary(r, state.threads).start, "openvino"],
       ["memory / LiteRT", (r) => summary(r, state.threads).memory, "litert"]];
  const labels = results.map((r) => [r.label, r.date.slice(0, 10)]);
  const config = options();
  config.indexAxis = "x";
  config.plugins.legend.display = true;
  config.scales = {
    x: { grid: { display: false }, ticks: { color: color("soft") } },
    y: { min: 0, grid: { color: color("line") }, ticks: { color: color("soft") } },
  };
  at("history-note").textContent = model ? "Ratios of this model to the best peer." : "Geometric means of ratios to the best peer; below 1 Linnet is ahead.";
  draw("history", {
    type: "line",
    data: { labels, datasets: lines.map(([label, f, tint]) => ({ label, data: results.map(f), borderColor: color(tint), backgroundColor: color(tint),
      tension: .2, pointRadius: 4, spanGaps: true })) },
    options: config,
  });
  at("releases").innerHTML = `<thead><tr><th>release</th><th class="text">date</th>${lines.map(([l]) => `<th>${l}</th>`).join("")}</tr></thead><tbody>` +
    results.map((r) => `<tr><td>${escape(r.label)}</td><td class="text">${escape(r.date.slice(0, 10))}</td>${lines.map(([, f]) => judged(f(r))).join("")}</tr>`).join("") + "</tbody>";
}

function drawSizes() {
  const engines = Object.keys(engineNames).filter((name) => now.library_bytes?.[name]);
  const sizes = engines.map((name) => now.library_bytes[name] / 1e6);
  const config = options({ bounds: { min: 1 } });
  draw("sizes", {
    type: "bar",
    data: { labels: engines.map((name) => engineNames[name]), datasets: [{ data: sizes, backgroundColor: engines.map(engineColor), borderRadius: 3 }] },
    options: config,
  });
  at("libraries").innerHTML = "<thead><tr><th>library</th><th>bytes</th><th>times Linnet's</th></tr></thead><tbody>" + engines.map((name, i) =>
    `<tr><td>${engineNames[name]} ${escape(now.peers?.[name] ?? "")}</td><td>${now.library_bytes[name].toLocaleString("en")}</td><td>${times(sizes[i] / sizes[0])}</td></tr>`).join("") + "</tbody>";
}

function drawPeak() {
  const counts = Object.keys(now.peak ?? {});
  const lines = [["float32, GFLOP/s", "f32_gflops"], ["int8, GOP/s", "i8_gops"], ["bfloat16, GFLOP/s", "bf16_gflops"], ["L1 cache, GB/s", "l1_gb_s"],
    ["L2 cache, GB/s", "l2_gb_s"], ["memory read, GB/s", "read_gb_s"], ["memory copy, GB/s", "copy_gb_s"]];
  at("peak").innerHTML = `<thead><tr><th></th>${counts.map((t) => `<th>${t} thread${t === "1" ? "" : "s"}</th>`).join("")}</tr></thead><tbody>` +
    lines.filter(([, key]) => counts.some((t) => now.peak[t][key] > 0)).map(([text, key]) =>
      `<tr><td>${text}</td>${counts.map((t) => `<td>${digits(now.peak[t][key] ?? null)}</td>`).join("")}</tr>`).join("") + "</tbody>";
}

function drawKernels() {
  const list = now.kernels ?? [], most = Math.max(...list.map((k) => k.share), 1e-9);
  at("kernels").innerHTML = `<thead><tr><th>operator and kernel</th><th>share</th><th></th><th>ms</th><th>steps</th><th>GOP/s</th><th>of peak</th></tr></thead><tbody>` +
    list.slice(0, 10).map((k) => `<tr><td>${escape(k.name)}</td><td>${(100 * k.share).toFixed(1)} %</td><td class="share"><i style="width:${(100 * k.share / most).toFixed(1)}%"></i></td>` +
      `<td>${digits(k.ms)}</td><td>${k.steps}</td><td>${k.peak_percent > 0 ? digits(k.gops) : ""}</td><td>${k.peak_percent > 0 ? `${k.peak_percent.toFixed(1)} %` : ""}</td></tr>`).join("") + "</tbody>";
}

// ---- the table of models ----

function stepsTable(facts) {
  if (!facts.steps?.length) return "no step was timed";
  return `<table><thead><tr><th>operator</th><th class="text">kernel</th><th>ms</th><th>share</th><th>MMAC</th><th>GOP/s</th><th>of peak</th><th class="text">output</th></tr></thead><tbody>` +
    facts.steps.map((s) => `<tr><td>${escape(s.op)}</td><td class="text">${escape(s.kernel ?? "")}</td><td>${digits(s.ms, 4)}</td><td>${(100 * s.share).toFixed(1)} %</td>` +
      `<td>${s.macs > 0 ? digits(s.macs / 1e6) : ""}</td><td>${s.macs > 0 ? digits(s.gops) : ""}</td><td>${s.peak_percent > 0 ? `${s.peak_percent.toFixed(1)} %` : ""}</td>` +
      `<td class="text">${escape(s.tensor.slice(0, 60))}</td></tr>`).join("") + "</tbody></table>";
}

function drawTable(list) {
  const engines = Object.keys(engineNames).filter((name) => list.some((row) => row.figures[name]));
  const open = new Set([...document.querySelectorAll("#models tr.model.open")].map((row) => row.dataset.name));
  const head = `<thead><tr><th scope="col">model</th><th class="text" scope="col">type</th><th scope="col">MMAC</th>` +
    engines.map((name) => `<th scope="col">${engineNames[name]}, ms</th>`).join("") +
    `<th scope="col">ratio</th><th scope="col">first run</th><th scope="col">memory, MB</th><th scope="col">/ LiteRT</th><th scope="col">${previous ? `since ${escape(previous.label)}` : "change"}</th></tr></thead>`;
  const width = engines.length + 8;
  at("models").innerHTML = head + "<tbody>" + list.map((row) =>
    `<tr class="model${row.regressed ? " regressed" : ""}${open.has(row.name) ? " open" : ""}" data-name="${escape(row.name)}">` +
    `<td><button type="button" title="${escape(row.name)}" aria-expanded="${open.has(row.name)}">${escape(row.name)}</button></td>` +
    `<td class="text"><span class="tag">${escape(row.facts.type)}</span></td><td>${row.facts.macs ? digits(row.facts.macs / 1e6) : ""}</td>` +
    engines.map((name) => `<td>${row.figures[name] ? digits(row.figures[name].median_ms) : "–"}</td>`).join("") +
    judged(row.latency) + judged(row.start) + `<td>${digits(row.figures.linnet.memory_kb >= 0 ? row.figures.linnet.memory_kb / 1000 : null)}</td>` + judged(row.memory) +
    `<td class="${row.regressed ? "bad" : ""}">${percent(row.changed)}${row.regressed ? '<span class="flag">slower</span>' : ""}</td></tr>` +
    (open.has(row.name) ? `<tr class="steps"><td colspan="${width}">${stepsTable(row.facts)}</td></tr>` : "")).join("") + "</tbody>";
  for (const row of document.querySelectorAll("#models tr.model")) {
    row.addEventListener("click", () => {
      row.classList.toggle("open");
      drawTable(shown());
    });
  }
}

// ---- the whole ----

function redraw() {
  const list = shown();
  drawTiles();
  drawRatios(list);
  drawEngines(list);
  drawTable(list);
  drawHistory();
}

function choices(id, key, values) {
  for (const [value, text] of values) {
    const label = document.createElement("label");
    label.innerHTML = `<input type="radio" name="${id}" value="${escape(value)}"${state[key] === value ? " checked" : ""}><span>${escape(text)}</span>`;
    label.firstChild.addEventListener("change", () => {
      state[key] = value;
      redraw();
    });
    at(id).append(label);
  }
}

function setTheme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  if (now) {
    redraw();
    drawSizes();
  }
}

function begin() {
  if (!now) {
    at("about").textContent = "There is no result yet: make bench writes one.";
    return;
  }
  const peers = Object.entries(now.peers ?? {}).map(([name, version]) => `${engineNames[name]} ${version}`).join(" and ");
  at("about").textContent = `Linnet ${now.label} (${now.commit || "no commit"}, ${now.date.slice(0, 10)}) beside ${peers || "no peer"}`;
  at("machine").textContent = `Machine: ${now.machine.cpu}, ${now.machine.cores} cores, kernels ${now.tier}` +
    `${now.machine.flags?.length ? ` (${now.machine.flags.join(", ")})` : ""}. ${now.settings.rounds} rounds of ${now.settings.seconds} s.`;
  const types = [...new Set(Object.values(now.models ?? {}).map((m) => m.type))].sort();
  choices("threads", "threads", Object.keys(now.threads).map((t) => [t, t]));
  choices("types", "type", [["all", "all"], ...types.map((t) => [t, t])]);
  choices("order", "order", [["ratio", "ratio"], ["time", "time"], ["name", "name"]]);
  choices("metric", "metric", Object.entries(metrics).map(([key, m]) => [key, m.title]));
  at("search").addEventListener("input", (event) => {
    state.find = event.target.value;
    redraw();
  });
  const names = Object.keys(now.threads[state.threads].models).sort();
  at("history-model").innerHTML = `<option value="">all models</option>` + names.map((name) => `<option>${escape(name)}</option>`).join("");
  at("history-model").addEventListener("change", (event) => {
    state.history = event.target.value;
    drawHistory();
  });
  at("theme").addEventListener("click", () => setTheme(!document.documentElement.classList.contains("dark")));
  drawPeak();
  drawKernels();
  setTheme(location.hash === "#dark" || (location.hash !== "#light" && matchMedia("(prefers-color-scheme: dark)").matches));
}

begin();

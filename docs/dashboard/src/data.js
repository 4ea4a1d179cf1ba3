// From results to what is shown: ratios, means, and what became slower. No DOM.

export const LIMIT = 0.05; // a model that loses more than this against the release before is marked

export const engineNames = { linnet: "Linnet", litert: "LiteRT", openvino: "OpenVINO" };
export const metrics = {
  median_ms: { title: "Latency", unit: "ms", note: "Median of a run, milliseconds, log scale." },
  start_ms: { title: "Load + first run", unit: "ms", note: "From opening the file to the first answer, milliseconds, log scale." },
  memory_kb: { title: "Memory", unit: "MB", scale: 1 / 1000, note: "Resident above the bare process, MB, log scale." },
};

const peersOf = (figures) => Object.keys(figures).filter((name) => name !== "linnet");

// Linnet's figure over the least of the peers'; null where a side is missing.
export function ratio(figures, metric) {
  const peers = peersOf(figures ?? {}).map((name) => figures[name][metric]).filter((value) => value > 0);
  const mine = figures?.linnet?.[metric];
  return mine > 0 && peers.length > 0 ? mine / Math.min(...peers) : null;
}

export function memoryRatio(figures) {
  const mine = figures?.linnet?.memory_kb, theirs = figures?.litert?.memory_kb;
  return mine > 0 && theirs > 0 ? mine / theirs : null;
}

export function geomean(values) {
  const known = values.filter((value) => value > 0);
  return known.length ? Math.exp(known.reduce((sum, value) => sum + Math.log(value), 0) / known.length) : null;
}

// The result that `result` is compared with: the newest one of another label before it, else the one before it; of the
// same CPU, since on another one even the distance from the peers is another.
export function before(results, index) {
  const cpu = results[index].machine?.cpu;
  const earlier = results.slice(0, index).reverse().filter((other) => other.machine?.cpu === cpu);
  return earlier.find((other) => other.label !== results[index].label) ?? earlier[0] ?? null;
}

// How much longer a model takes than in another result, as a share: by the ratio to the best peer where both have one,
// since the machine moves, else by the time itself. null where it was not measured before.
export function change(now, then) {
  if (!now?.linnet || !then?.linnet) return null;
  const a = ratio(now, "median_ms"), b = ratio(then, "median_ms");
  return a !== null && b !== null ? a / b - 1 : now.linnet.median_ms / then.linnet.median_ms - 1;
}

export function summary(result, threads, names) {
  const models = result.threads[threads]?.models ?? {};
  const of = (f) => geomean((names ?? Object.keys(models)).map((name) => f(models[name]) ?? 0));
  return { latency: of((m) => ratio(m, "median_ms")), start: of((m) => ratio(m, "start_ms")), memory: of(memoryRatio) };
}

// One line a model: its figures, ratios and what changed.
export function rows(result, previous, threads) {
  const models = result.threads[threads]?.models ?? {};
  return Object.keys(models).filter((name) => models[name].linnet).map((name) => {
    const changed = change(models[name], previous?.threads[threads]?.models?.[name]);
    return {
      name, figures: models[name], facts: result.models?.[name] ?? { type: "other", steps: [] },
      latency: ratio(models[name], "median_ms"), start: ratio(models[name], "start_ms"), memory: memoryRatio(models[name]),
      changed, regressed: changed !== null && changed > LIMIT,
    };
  });
}

// Draws the plots out of the report's own JSON. Colours come from the style sheet, so that they follow light and dark.
"use strict";
(function () {
  const report = JSON.parse(document.getElementById("report").textContent);
  const rows = report.rows || [];
  const plots = document.getElementById("plots");
  if (rows.length === 0 || typeof uPlot === "undefined") return;
  plots.hidden = false;

  const style = () => getComputedStyle(document.documentElement);
  const colour = (name) => style().getPropertyValue("--" + name).trim();
  const at = rows.map((r) => r.at + r.seconds / 2);
  const each = (of) => rows.map((r) => (r.seconds > 0.2 ? of(r) / r.seconds : null));
  const present = (of) => rows.map((r) => of(r) || null);
  const some = (values) => values.some((v) => v);

  const digits = (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2));
  const plain = (v) => (v == null ? "–" : Number.isInteger(v) ? String(v) : digits(v));
  const millis = (v) =>
    v == null ? "–" : v >= 1000 ? digits(v / 1000) + " s" : v >= 1 || v === 0 ? digits(v) + " ms" : (v * 1000).toFixed(0) + " µs";
  // A tick has no more digits than it needs.
  const tick = (v) => (v == null ? "" : v >= 1000 ? +(v / 1000).toPrecision(4) + " s" : +v.toPrecision(4) + " ms");
  const seconds = (v) => (v == null ? "–" : +v.toFixed(1) + " s");

  function axes(x, y) {
    const common = { stroke: () => colour("text"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("line"), width: 1 } };
    return [Object.assign({}, common, x), Object.assign({ size: 66 }, common, y)];
  }

  // Only one point makes no line: points are shown where there are few.
  const line = (label, name, value, more) =>
    Object.assign({ label, stroke: () => colour(name), width: 2, value: (_, v) => value(v), points: { show: at.length < 3 }, spanGaps: false }, more);
  const time = { label: "time", value: (_, v) => seconds(v) };
  const fromZero = { range: (_, least, most) => [0, most > 0 ? most * 1.08 : 1] };

  const all = [];
  function draw(id, series, columns, more) {
    const place = document.getElementById(id);
    if (!columns.slice(1).some(some)) {
      place.parentElement.hidden = true;
      return;
    }
    const options = Object.assign(
      { width: place.clientWidth || 500, height: 240, series, cursor: { points: { size: 6 } }, scales: { x: { time: false }, y: fromZero },
        axes: axes({ values: (_, vs) => vs.map((v) => +v.toFixed(1) + " s") }, {}) }, more);
    all.push({ plot: new uPlot(options, columns, place), place });
  }

  const durations = { axes: axes({ values: (_, vs) => vs.map((v) => +v.toFixed(1) + " s") }, { values: (_, vs) => vs.map(tick) }) };

  const offered = each((r) => r.offered || 0);
  const rateSeries = [time], rateColumns = [at];
  if (some(offered)) {
    rateSeries.push(line("offered", "faint", plain, { dash: [4, 4] }));
    rateColumns.push(offered);
  }
  rateSeries.push(line("sent", "c1", plain), line("answered well", "c3", plain), line("errors", "c4", plain));
  rateColumns.push(each((r) => r.sent), each((r) => r.done - r.errors), each((r) => r.errors));
  draw("rate", rateSeries, rateColumns);

  draw("latency", [time, line("p50", "c1", millis), line("p99", "c2", millis)], [at, present((r) => r.p50Ms), present((r) => r.p99Ms)], durations);
  draw("ttft", [time, line("p95", "c5", millis)], [at, present((r) => r.ttftP95Ms)], durations);
  draw("flight", [time, line("under way", "c6", plain)], [at, rows.map((r) => r.inFlight)]);

  const kinds = (report.errorKinds || []).slice(0, 6).map((k) => k.kind);
  const names = ["c4", "c2", "c5", "c1", "c3", "c6"];
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4]];
  draw("errors", [time].concat(kinds.map((k, i) => line(k, names[i], plain, { dash: dashes[i] }))),
    [at].concat(kinds.map((k) => each((r) => (r.errorKinds && r.errorKinds[k]) || 0))));

  // The axis has 1/(1-p): each power of ten is one more nine.
  const above = (p) => 1 / (1 - p.percent / 100);
  const latency = report.latencyCurve || [], service = report.serviceCurve || [];
  if (latency.length > 1) {
    const nines = (v) => (v == null ? "–" : v <= 1 ? "p0" : "p" + +(100 - 100 / v).toPrecision(Math.max(3, Math.ceil(Math.log10(v)) + 2)));
    const series = [{ label: "percentile", value: (_, v) => nines(v) }, line("from when due", "c1", millis)];
    const columns = [latency.map(above), latency.map((p) => p.ms)];
    if (service.length === latency.length) {
      series.push(line("from when sent", "c2", millis, { dash: [6, 3] }));
      columns.push(service.map((p) => p.ms));
    }
    const steps = [2, 4, 10, 20, 100, 1000, 10000, 100000, 1000000];
    draw("curve", series, columns, {
      scales: { x: { time: false, distr: 3, range: (_, __, most) => [1, most] }, y: fromZero },
      axes: axes({ filter: (_, vs) => vs, splits: (u) => steps.filter((s) => s >= u.scales.x.min && s <= u.scales.x.max * 1.01), values: (_, vs) => vs.map(nines) },
        { values: (_, vs) => vs.map(tick) }),
    });
  }

  const fit = () => all.forEach(({ plot, place }) => plot.setSize({ width: place.clientWidth, height: 240 }));
  window.addEventListener("resize", fit);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach(({ plot }) => plot.redraw(false, true)));
})();

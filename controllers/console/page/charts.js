// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// The plots of the last 60 minutes. Each has its words (a sentence) and its numbers (a table) beside it.

import { el, fill, table } from "./dom.js";
import { over } from "./facts.js";
import { clock, compact, count, duration, instant, percent } from "./format.js";

/* global uPlot */

const span = 60 * 60;
const positive = (of) => (m) => (m[of] > 0 ? m[of] : null);

// A line is told from the others by its dashes as well as by its colour, series-1 to series-4 of the style sheet.
const dashes = { solid: [], dashed: [7, 4], dotted: [2, 3] };

/** The plots: how a minute's numbers are read (null is unknown), and how they are written. */
const plots = [
  {
    id: "requests", title: "Requests", unit: "a minute", write: compact, axis: compact, empty: "",
    series: [
      { name: "All", color: 1, dash: "solid", read: (m) => m.requests, area: true },
      { name: "Failed", color: 2, dash: "dashed", read: (m) => m.failed },
      { name: "Refused", color: 3, dash: "dotted", read: (m) => m.refused },
    ],
  },
  {
    id: "latency", title: "Time to the whole answer", unit: "", write: duration, axis: ticks, empty: "No request was answered in the last 60 minutes.",
    series: [
      { name: "p50", color: 1, dash: "solid", read: positive("p50") },
      { name: "p95", color: 4, dash: "dashed", read: positive("p95") },
      { name: "p99", color: 3, dash: "dotted", read: positive("p99") },
    ],
  },
  {
    id: "first-token", title: "Time to the first token", unit: "", write: duration, axis: ticks, empty: "No answer began in the last 60 minutes.",
    series: [
      { name: "p50", color: 1, dash: "solid", read: positive("firstP50") },
      { name: "p95", color: 4, dash: "dashed", read: positive("firstP95") },
    ],
  },
  {
    id: "hit-rate", title: "Cache hit rate", unit: "", write: percent, axis: (v) => `${Math.round(v * 100)}%`, range: [0, 1],
    empty: "Nothing was looked up in the cache in the last 60 minutes. A SparkGateway turns it on with spec.cache.exact.",
    series: [{ name: "Hits", color: 5, dash: "solid", read: (m) => m.hitRate, area: true }],
  },
];

function ticks(ms) {
  return ms === 0 ? "0" : ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

/** The figures of one gateway. update shows its traffic; destroy must be called before the host is emptied. */
export class Charts {
  #charts;
  #observer;
  #themed = () => this.#charts.forEach((c) => c.redraw());

  constructor(host) {
    const sync = uPlot.sync(`minutes-${performance.now()}`);
    this.#charts = plots.map((plot) => new Chart(plot, sync));
    host.replaceChildren(...this.#charts.map((c) => c.figure));
    this.#observer = new ResizeObserver(() => this.#charts.forEach((c) => c.resize()));
    this.#charts.forEach((c) => this.#observer.observe(c.area));
    addEventListener("spark-theme", this.#themed);
  }

  update(traffic, at) {
    this.#charts.forEach((c) => c.update(over(traffic, at), at));
  }

  destroy() {
    removeEventListener("spark-theme", this.#themed);
    this.#observer.disconnect();
    this.#charts.forEach((c) => c.destroy());
  }
}

class Chart {
  #plot;
  #sync;
  #drawn = null;
  #minutes = [];
  #at = 0;

  constructor(plot, sync) {
    this.#plot = plot;
    this.#sync = sync;
    this.area = el("div", { class: "plot", role: "img" });
    this.values = plot.series.map(() => el("b", {}, "–"));
    this.swatches = plot.series.map((s) => el("span", { class: `swatch series-${s.color} ${s.dash}`, "aria-hidden": "true" }));
    this.when = el("span", { class: "muted when" });
    const legend = plot.series.map((s, i) => el("li", {}, this.swatches[i], el("span", {}, s.name), this.values[i]));
    this.summary = el("p", { class: "summary" });
    this.numbers = el("div", {});
    this.details = el("details", {}, el("summary", {}, "Numbers", el("span", { class: "sr-only" }, ` of ${plot.title}`)), this.numbers);
    this.details.addEventListener("toggle", () => this.#tabulate());
    this.figure = el("figure", { class: "card chart", id: `chart-${plot.id}` },
      el("figcaption", {}, el("h3", {}, plot.title, plot.unit && el("span", { class: "muted" }, ` ${plot.unit}`)), el("ul", { class: "legend", "aria-hidden": "true" }, this.when, legend)),
      this.area, this.summary, this.details);
  }

  update(minutes, at) {
    if (JSON.stringify(minutes) === JSON.stringify(this.#minutes) && this.#drawn) return;
    this.#minutes = minutes;
    this.#at = at;
    const words = this.#words();
    this.summary.textContent = words;
    this.area.setAttribute("aria-label", `${this.#plot.title} over the last 60 minutes. ${words}`);
    this.figure.classList.toggle("without", !this.#any());
    if (this.#drawn) this.#drawn.setData(this.#data());
    else this.redraw();
    this.#legend(null);
    this.#tabulate();
  }

  resize() {
    const { width, height } = this.area.getBoundingClientRect();
    if (this.#drawn && width > 0) this.#drawn.setSize({ width: Math.floor(width), height: Math.floor(height) });
  }

  /** Paints anew, with the colours of now. */
  redraw() {
    this.#drawn?.destroy();
    const { width, height } = this.area.getBoundingClientRect();
    this.#drawn = new uPlot(this.#options(Math.max(120, Math.floor(width)), Math.max(80, Math.floor(height))), this.#data(), this.area);
  }

  destroy() {
    this.#drawn?.destroy();
  }

  #any() {
    return this.#minutes.some((m) => this.#plot.series.some((s) => s.read(m) !== null));
  }

  #data() {
    return [this.#minutes.map((m) => instant(m.at) / 1000), ...this.#plot.series.map((s) => this.#minutes.map((m) => s.read(m)))];
  }

  #options(width, height) {
    const ink = getComputedStyle(this.summary).color;
    const line = getComputedStyle(this.area).borderTopColor;
    // The style sheet makes all larger on a wall; 14 px is its measure everywhere else.
    const k = parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;
    const font = `${11 * k}px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    return {
      width, height, legend: { show: false }, padding: [8 * k, 18 * k, 0, 0],
      cursor: { sync: { key: this.#sync.key }, drag: { x: false, y: false }, points: { size: 6 } },
      hooks: { setCursor: [(u) => this.#legend(u.cursor.idx ?? null)] },
      scales: {
        x: { time: true, range: () => [this.#at / 1000 - span, this.#at / 1000] },
        y: { range: (_, low, high) => this.#plot.range ?? [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        { ...axis, size: 26 * k, gap: 4 * k, space: 56 * k, values: (_, splits) => splits.map((s) => this.#hour(s)) },
        { ...axis, size: 54 * k, gap: 6 * k, space: 30 * k, values: (_, splits) => splits.map((s) => this.#plot.axis(s)) },
      ],
      series: [{}, ...this.#plot.series.map((s, i) => {
        const color = getComputedStyle(this.swatches[i]).color;
        return { label: s.name, stroke: color, width: 1.75 * k, dash: dashes[s.dash].map((d) => d * k), points: { show: false }, fill: s.area ? faint(color) : undefined };
      })],
    };
  }

  // At the left edge a time would stand in the other axis' nought.
  #hour(second) {
    return second < this.#at / 1000 - span + 200 ? "" : clock(second * 1000);
  }

  // The legend tells of the minute under the pointer, or else of the last one.
  #legend(index) {
    const at = index ?? this.#minutes.length - 1;
    const minute = this.#minutes[at];
    this.when.textContent = minute ? clock(instant(minute.at)) : "";
    this.#plot.series.forEach((s, i) => {
      const value = minute ? s.read(minute) : null;
      this.values[i].textContent = value === null ? "–" : this.#plot.write(value);
    });
  }

  #words() {
    if (!this.#minutes.length) return "No pod tells of requests.";
    if (!this.#any()) return this.#plot.empty;
    const last = this.#minutes.at(-1);
    const parts = this.#plot.series.map((s) => {
      const values = this.#minutes.map(s.read).filter((v) => v !== null);
      if (!values.length) return `${s.name}: unknown`;
      const [low, high, current] = [Math.min(...values), Math.max(...values), s.read(last)];
      const write = (v) => (v === 0 ? "0" : this.#plot.write(v));
      const range = low === high ? `${write(low)} throughout` : `${write(low)} to ${write(high)}`;
      return `${s.name} ${current === null ? "unknown now" : `${write(current)} now`}, ${range}`;
    });
    return `${parts.join("; ")}.`;
  }

  // The table is made only while somebody looks at it.
  #tabulate() {
    if (!this.details.open) return;
    fill(this.numbers, this.#minutes, () => {
      const columns = [{ name: "Minute" }, ...this.#plot.series.map((s) => ({ name: s.name, number: true }))];
      const rows = this.#minutes.toReversed().map((m) => [clock(instant(m.at)), ...this.#plot.series.map((s) => {
        const value = s.read(m);
        return value === null ? "unknown" : value === 0 ? "0" : this.#plot.write === compact ? count(value) : this.#plot.write(value);
      })]);
      return table(`${this.#plot.title}, minute by minute`, columns, rows);
    });
  }
}

// faint makes a colour of the style sheet nearly transparent, in whatever notation the browser gives it.
const faint = (color) => color.replace(/^rgb\((.*)\)$/, (_, rgb) => `rgba(${rgb}, 0.1)`);

// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// One gateway, from its word on readiness down to its last errors.

import { Charts } from "./charts.js";
import { ago, el, fill, shape, state, unknown } from "./dom.js";
import { attention, figures, keyOf, kindOf, readyWord, telling } from "./facts.js";
import { brief, compact, count, duration, instant, money, percent, plural } from "./format.js";
import { Playground } from "./playground.js";
import { budgets, errors, notReady, pods, providers, spend } from "./tables.js";

/** The view of one gateway in a panel. */
export class GatewayView {
  #charts;
  #hosts = {};
  #playground = null;

  constructor(panel, gateway, playground) {
    this.key = keyOf(gateway);
    const host = (name, attributes = {}, tag = "div") => (this.#hosts[name] = el(tag, attributes));
    const section = (name, title, note, classes = "") => el("section", { class: `card ${classes}`, "aria-labelledby": `${name}-title` },
      el("h3", { id: `${name}-title` }, title, note && el("span", { class: "muted" }, ` ${note}`)), host(name));
    const charts = el("div", { class: "charts" });
    panel.replaceChildren(
      host("head", { class: "head" }),
      host("attention", { class: "attention" }, "section"),
      host("figures", { class: "figures" }, "dl"),
      charts,
      el("div", { class: "columns" },
        section("providers", "Providers", "last minute", "wide"),
        section("pods", "Pods", "", "wide"),
        section("errors", "Recent errors", "", "wide"),
        section("not-ready", "Attached and not ready", "", "wide"),
        section("spend-keys", "Spend by key", "in all, over all gateways"),
        section("spend-teams", "Spend by team", "in all, over all gateways"),
        section("budgets", "Budgets near their end")),
    );
    this.#hosts.attention.setAttribute("aria-label", "Needs attention");
    this.#charts = new Charts(charts);
    if (playground) {
      this.#playground = new Playground(this.key);
      panel.append(this.#playground.section);
    }
  }

  /** Shows what is known at a time of the server's. */
  update(gateway, at) {
    const { head, attention: needs, figures: top } = this.#hosts;
    const { ready, conditions, url, revision, desired, pods: all } = gateway;
    const counts = [gateway.routes.length, gateway.providers.length, gateway.keys.count, gateway.policies.count];
    fill(head, { ready, conditions, url, revision, desired, pods: all.map((p) => [p.ready, p.programmed]), counts }, () => this.#head(gateway));
    const found = attention(gateway);
    fill(needs, found, () => attend(found));
    const values = figures(gateway, at);
    fill(top, values, () => tiles(values));
    this.#charts.update(gateway.traffic, at);
    this.#fillTables(gateway);
    this.#playground?.offer(gateway.models);
  }

  #fillTables(gateway) {
    const put = (name, value, build) => fill(this.#hosts[name], value, build);
    put("providers", [gateway.providers, all(gateway)], () => providers(gateway));
    put("pods", [gateway.pods, gateway.revision], () => pods(gateway));
    put("errors", [gateway.errors, telling(gateway).length], () => errors(gateway));
    put("budgets", [gateway.budgets, telling(gateway).length], () => budgets(gateway));
    for (const [host, kind] of [["spend-keys", "key"], ["spend-teams", "team"]]) {
      const list = gateway.spend.filter((s) => s.kind === kind);
      put(host, list, () => spend(kind, list));
    }
    const waiting = notReady(gateway);
    put("not-ready", waiting.rows, waiting.build);
  }

  destroy() {
    this.#charts.destroy();
  }

  #head(gateway) {
    const programmed = gateway.pods.filter((p) => p.programmed).length;
    const ready = gateway.pods.filter((p) => p.ready).length;
    const facts = [
      ["Address", gateway.url ? el("code", {}, gateway.url) : unknown("none yet")],
      ["Revision", gateway.revision ? el("code", { title: gateway.revision }, brief(gateway.revision)) : unknown("none yet")],
      ["Pods", `${programmed} programmed / ${ready} ready / ${gateway.desired} wanted`],
      ["Attached", `${plural(gateway.providers.length, "provider")}, ${plural(gateway.routes.length, "route")}, ` +
        `${plural(gateway.keys.count, "key")}, ${plural(gateway.policies.count, "policy", "policies")}`],
    ];
    return [
      el("div", { class: "title" },
        el("h2", {}, gateway.name, el("span", { class: "muted" }, ` in ${gateway.namespace}`)),
        el("p", { class: "ready" }, state(kindOf(gateway.ready), readyWord(gateway.ready)),
          gateway.ready.status !== "True" && gateway.ready.reason ? el("span", {}, gateway.ready.reason) : null,
          instant(gateway.ready.since) === null ? null : el("span", { class: "muted" }, "since ", ago(gateway.ready.since))),
        this.#playground && this.#jump()),
      el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
      gateway.conditions.length ? conditions(gateway.conditions) : null,
    ];
  }

  #jump() {
    const button = el("button", { type: "button", "data-key": "jump" }, "Try a prompt");
    button.addEventListener("click", () => this.#playground.enter());
    return button;
  }
}

// all is what a provider's breakers are counted among.
const all = (gateway) => gateway.pods.map((p) => [p.name, p.silent]);

// A condition whose truth is bad news has the other shape.
function conditions(list) {
  const kind = (c) => (["Stalled", "Conflicted"].includes(c.type) ? { True: "bad", False: "ok" }[c.status] ?? "unknown" : kindOf(c));
  return el("details", { class: "conditions", "data-key": "conditions" }, el("summary", {}, plural(list.length, "condition")),
    el("ul", {}, list.map((c) => el("li", {}, state(kind(c), `${c.type} ${c.status}`),
      el("span", {}, [c.reason, c.message].filter(Boolean).join(": ")), el("span", { class: "muted" }, ago(c.since, ""))))));
}

function attend(found) {
  if (!found.length) return el("p", { class: "calm" }, state("ok", el("span", { class: "now" }, "Nothing needs attention."), el("span", { class: "then" }, "Nothing needed attention when this was told.")));
  const shown = found.slice(0, 12);
  return [
    el("h3", { class: "sr-only" }, `${plural(found.length, "thing")} ${found.length === 1 ? "needs" : "need"} attention`),
    el("ul", {}, shown.map((f) => el("li", { class: f.level }, shape(f.level), el("div", {}, el("strong", {}, f.title), " ", el("span", {}, f.detail))))),
    found.length > shown.length ? el("p", { class: "hint" }, `and ${found.length - shown.length} more`) : null,
  ];
}

function tiles(v) {
  const none = v.requests === 0 ? "no requests" : "unknown";
  const tile = (name, value, unit, note, level) => el("div", { class: `tile ${level ?? ""}` },
    el("dt", {}, name), el("dd", {}, value === null ? el("span", { class: "none" }, none) : [el("b", {}, value), unit && el("span", {}, ` ${unit}`)],
      note && el("small", {}, note)));
  const failing = v.failed !== null && v.failedCount / v.requests >= 0.05;
  return [
    tile("Requests", v.perMinute === null ? null : compact(v.perMinute), "a minute", "last 5 min"),
    tile("Failed", v.failed, "", v.failed === null ? "last 5 min" : `${count(v.failedCount)} in the last 5 min`, failing ? "bad" : null),
    tile("Refused", v.refused, "", "last 5 min, by the client's fault"),
    tile("Answer, p95", v.p95 && duration(v.p95), "", v.p50 && `p50 ${duration(v.p50)}`),
    tile("First token, p95", v.firstP95 && duration(v.firstP95), "", v.firstP50 && `p50 ${duration(v.firstP50)}`),
    tile("Cache hits", v.hitRate === null ? null : percent(v.hitRate), "", "of what was looked up"),
    tile("Spend", v.cost === null ? null : money(v.cost), "", v.tokens === null ? null : `${compact(v.tokens)} tokens, last 60 min`),
    tile("In flight", v.inFlight === null ? null : count(v.inFlight), "", "requests now"),
  ];
}


// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Sending a prompt through the gateway, and showing the path it took.

import { el, empty, fill, overflow, shape, state, table } from "./dom.js";
import { count, duration, percent, plural } from "./format.js";
import { ask, complaint } from "./session.js";

const longest = 8 * 1024; // bytes of a prompt
const patience = 70_000; // the operator gives up after 60 s

/** The panel of one gateway's playground. */
export class Playground {
  constructor(gateway) {
    this.gateway = gateway;
    this.models = el("datalist", { id: "play-models" });
    this.model = el("input", { id: "play-model", name: "model", list: "play-models", required: true, autocomplete: "off", spellcheck: "false" });
    this.prompt = el("textarea", { id: "play-prompt", name: "prompt", rows: "4", required: true, "aria-describedby": "play-room" });
    this.room = el("p", { class: "hint", id: "play-room" });
    this.stream = el("input", { id: "play-stream", name: "stream", type: "checkbox", checked: true });
    this.send = el("button", { class: "primary", type: "submit" }, "Send");
    this.result = el("div", { class: "played" }, empty("The answer, and the path that it took, will be here."));
    this.said = el("p", { class: "sr-only", role: "status" });
    const form = el("form", { novalidate: true },
      el("label", { for: "play-model" }, "Model"), this.model, this.models,
      el("label", { for: "play-prompt" }, "Prompt"), this.prompt, this.room,
      el("div", { class: "row" }, el("label", { class: "check" }, this.stream, "Stream"), this.send));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#play();
    });
    this.prompt.addEventListener("input", () => this.#measure());
    this.#measure();
    this.section = el("section", { class: "card play", id: "play", "aria-labelledby": "play-title" },
      el("h3", { id: "play-title", tabindex: "-1" }, "Playground"), el("div", { class: "halves" }, form, this.result), this.said);
  }

  /** Says which models there are. */
  offer(models) {
    fill(this.models, models, () => models.map((name) => el("option", { value: name })));
    if (!this.model.value && models.length) this.model.value = models[0];
  }

  /** Brings the panel into view, ready to type. */
  enter() {
    this.section.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    this.prompt.focus({ preventScroll: true });
  }

  #measure() {
    const left = longest - new TextEncoder().encode(this.prompt.value).length;
    this.room.textContent = left < 0 ? `${count(-left)} bytes too long.` : `Up to 8 KiB; ${count(left)} bytes left. It is sent with the playground's key.`;
    this.prompt.setAttribute("aria-invalid", String(left < 0));
    return left >= 0;
  }

  async #play() {
    if (!this.model.value.trim()) return this.model.focus();
    if (!this.prompt.value.trim() || !this.#measure()) return this.prompt.focus();
    this.send.disabled = true;
    this.#show("Waiting for the answer.", el("p", { class: "empty waiting" }, "Waiting for the answer…"));
    try {
      const response = await ask("play", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ gateway: this.gateway, model: this.model.value.trim(), prompt: this.prompt.value, stream: this.stream.checked }),
      }, patience);
      if (!response.ok) throw new Error(await complaint(response));
      const played = await response.json();
      this.#show(`Status ${played.status}. ${played.text.slice(0, 300)}`, ...shown(played));
    } catch (error) {
      const why = error.name === "TimeoutError" ? "no answer within 70 s" : error.name === "TypeError" ? "the operator cannot be reached" : error.message;
      this.#show(`Not sent: ${why}.`, el("p", {}, state("bad", `Not sent: ${why}`)));
    } finally {
      this.send.disabled = false;
    }
  }

  #show(said, ...parts) {
    this.said.textContent = said;
    this.result.replaceChildren(...parts);
    overflow(this.result);
  }
}

function shown(played) {
  const good = played.status >= 200 && played.status < 300;
  const facts = [
    ["First token", duration(played.firstMs)],
    ["In all", duration(played.totalMs)],
    ["Tokens", played.usage.inputTokens || played.usage.outputTokens ? `${count(played.usage.inputTokens)} in, ${count(played.usage.outputTokens)} out` : null],
  ];
  const headers = Object.entries(played.headers).sort(([a], [b]) => a.localeCompare(b));
  return [
    el("p", { class: "outcome" }, state(good ? "ok" : "bad", played.status ? `Status ${played.status}` : `Not reached: ${played.error}`),
      facts.map(([name, value]) => el("span", {}, `${name} `, el("b", {}, value ?? "unknown")))),
    el("h4", {}, "Answer"),
    played.text ? el("pre", { class: "scroll", "aria-label": "Answer", role: "region" }, played.text) : empty("It is empty."),
    el("h4", {}, "Path"),
    path(played),
    el("h4", {}, "Headers"),
    headers.length ? table("Headers of the answer", [{ name: "Header" }, { name: "Value", wide: true }], headers.map(([name, value]) => [el("code", {}, name), value]))
      : empty("The answer has none of Spark's own."),
  ];
}

// path is the plan of the gateway in the order of its steps, and how it ended.
function path(played) {
  const plan = played.explain;
  if (!plan) return empty("The gateway told no plan for this request.");
  const steps = [
    step("ok", "Request", `${plan.method} ${plan.path}`, [plan.operation && `${plan.operation} in the dialect ${plan.dialect}`, plan.stream && "streamed"]),
    plan.key ? step("ok", "Key", plan.key.id, [`user ${plan.key.user}`, `role ${plan.key.role}`]) : step("unknown", "Key", "none"),
    limits(plan.limits ?? []),
    step("ok", "Sanitizer", plan.sanitizer || "not configured", [found(played.headers["x-spark-sanitizer"])]),
    step("ok", "Cache", plan.cache || "not configured", [found(played.headers["x-spark-cache"])]),
    plan.route ? step("ok", "Route", plan.route.id || plan.route.model, [`by ${plan.route.by}`, plan.route.strategy]) : step("bad", "Route", "the model leads nowhere"),
    ...(plan.targets ?? []).map(target),
    ...(plan.refusals ?? []).map((r) => step("bad", "Refused", `${r.status} ${r.reason}`, [r.message])),
    step(played.status >= 200 && played.status < 300 ? "ok" : "bad", "Answered", played.status ? `status ${played.status}` : "not at all", [played.headers["x-spark-reason"]]),
  ];
  return el("ol", { class: "path" }, steps);
}

const found = (value) => value && `found: ${value}`;

function step(kind, name, what, notes = []) {
  const more = notes.filter(Boolean).join(", ");
  return el("li", { class: kind }, shape(kind), el("span", {}, el("b", {}, name), " ", el("span", {}, what), more ? el("small", {}, more) : null));
}

function limits(list) {
  const empty = list.filter((l) => !l.shadow && l.remaining === 0);
  const what = list.length ? `${plural(list.length, "limit")} looked at` : "none hold";
  return step(empty.length ? "bad" : "ok", "Limits", what, empty.map((l) => `nothing remains of ${l.scope} ${l.of}`));
}

function target(t, i) {
  const kinds = { ready: "ok", full: "warn", out: "bad" };
  const name = [t.provider, t.model].filter(Boolean).join(" · ");
  return step(kinds[t.standing] ?? "unknown", `Target ${i + 1}`, name, [
    t.standing === "ready" ? t.chance > 0 && t.chance < 1 && `first in ${percent(t.chance)} of the cases` : t.standing,
    `tier ${t.tier}`, t.translated && `translated to ${t.wire}`, t.breaker && `breaker ${t.breaker.state}: ${t.breaker.reason}`,
    t.refusal && t.refusal.message,
  ]);
}

// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Sending a prompt through the gateway, and showing the path it took.

import { el, empty, fill, overflow, state, table } from "./dom.js";
import { count, duration } from "./format.js";
import { path, succeeded } from "./path.js";
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
      this.#show(`${outcome(played)}. ${played.text.slice(0, 300)}`, ...shown(played));
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

// outcome says how it ended: an answer that broke off has the status of one that did not.
function outcome({ status, error }) {
  if (!status) return `Not reached: ${error}`;
  return error ? `Status ${status}, then: ${error}` : `Status ${status}`;
}

function shown(played) {
  const facts = [
    ["First token", duration(played.firstMs)],
    ["In all", duration(played.totalMs)],
    ["Tokens", played.usage.inputTokens || played.usage.outputTokens ? `${count(played.usage.inputTokens)} in, ${count(played.usage.outputTokens)} out` : null],
  ];
  const headers = Object.entries(played.headers).sort(([a], [b]) => a.localeCompare(b));
  return [
    el("p", { class: "outcome" }, state(succeeded(played) ? "ok" : "bad", outcome(played)),
      facts.map(([name, value]) => el("span", {}, `${name} `, el("b", {}, value ?? "unknown")))),
    el("h4", {}, "Answer"),
    played.text ? el("pre", { class: "scroll", "aria-label": "Answer", role: "group" }, played.text) : empty("It is empty."),
    el("h4", {}, "Path"),
    ...path(played),
    el("h4", {}, "Headers"),
    headers.length ? table("Headers of the answer", [{ name: "Header" }, { name: "Value", wide: true }], headers.map(([name, value]) => [el("code", {}, name), value]))
      : empty("The answer has none of Spark's own."),
  ];
}

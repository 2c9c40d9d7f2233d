// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// The tables of a gateway.

import { ago, command, el, empty, known, name, state, table, unknown } from "./dom.js";
import { breakersOf, kindOf, readyWord, telling, worstBreaker } from "./facts.js";
import { brief, compact, count, duration, instant, money, percent, share } from "./format.js";

const number = (title) => ({ name: title, number: true });

/** The pods and what each says of itself. */
export function pods(gateway) {
  if (!gateway.pods.length) {
    return empty(gateway.desired ? "No pod is there yet. " : "This gateway wants no pods. ",
      command(`kubectl -n ${gateway.namespace} get pods,events`), " tells why.");
  }
  const columns = [{ name: "Pod" }, { name: "State" }, { name: "Revision" }, number("In flight"), { name: "Version" }, { name: "Up since" }];
  return table("Pods", columns, gateway.pods.map((pod) => {
    const notes = pod.reasons.length ? el("ul", { class: "notes" }, pod.reasons.map((r) => el("li", {}, r))) : null;
    if (pod.silent) return [pod.name, [state("unknown", "Silent"), notes], unknown(), unknown(), unknown(), unknown()];
    return [
      pod.name,
      [podState(pod), notes],
      runs(pod, gateway),
      count(pod.inFlight),
      known(pod.version),
      ago(pod.started),
    ];
  }));
}

function runs(pod, gateway) {
  if (!pod.revision) return unknown("none yet");
  const note = pod.programmed ? "" : pod.revision === gateway.revision ? " not confirmed" : " not the wanted one";
  return state(pod.programmed ? "ok" : "warn", el("code", { title: pod.revision }, brief(pod.revision)), note);
}

function podState(pod) {
  if (pod.draining) return state("warn", "Draining");
  if (!pod.ready) return state("bad", "Not ready");
  return pod.status === "degraded" ? state("warn", "Ready, degraded") : state("ok", "Ready");
}

/** The providers with their breakers. */
export function providers(gateway) {
  if (!gateway.providers.length) {
    return empty("No ProviderPolicy attaches to this gateway, so it has nowhere to send requests. Apply one whose ",
      command("spec.gatewayRefs"), " names ", command(gateway.name), ".");
  }
  const columns = [{ name: "Provider" }, { name: "State" }, { name: "Breakers", wide: true }, number("Attempts"), number("Failed"), number("p50"), number("p95")];
  return table("Providers in the last minute", columns, gateway.providers.map((p) => {
    const told = telling(gateway).length > 0;
    return [
      [el("span", {}, name(p.name)), el("small", {}, p.namespace === gateway.namespace ? p.type : `${p.type}, in ${p.namespace}`)],
      providerState(p),
      breakers(p, gateway),
      told ? count(p.attempts) : unknown(),
      told ? known(share(p.failures, p.attempts), "no attempts") : unknown(),
      known(duration(p.p50), told ? "–" : "unknown"),
      known(duration(p.p95), told ? "–" : "unknown"),
    ];
  }));
}

function providerState(p) {
  if (p.ready.status === "False") return [state("bad", "Not ready"), el("small", {}, p.ready.reason)];
  const words = { True: "Healthy", False: "Not healthy" };
  return [state(kindOf(p.healthy), words[p.healthy.status] ?? "Unknown"), p.healthy.status === "True" ? null : el("small", {}, p.healthy.reason)];
}

function breakers(provider, gateway) {
  const worst = worstBreaker(provider, gateway);
  if (worst === "Closed") return state("ok", "Closed");
  if (worst === "Unknown") return state("unknown", "Unknown");
  return el("ul", { class: "breakers" }, breakersOf(provider).map((b) => el("li", {},
    state(b.state === "Open" ? "bad" : "half", b.state === "Open" ? "Open" : "Half-open"), el("code", {}, b.model),
    el("small", {}, `${b.reason}, on ${b.pods.length} of ${gateway.pods.length} pods, since `, ago(b.since),
      b.state === "Open" && instant(b.until) !== null ? [", tries again ", ago(b.until)] : null))));
}

/** What keys or teams spent. */
export function spend(kind, list) {
  if (!list.length) {
    return kind === "team"
      ? empty("No key that spent has a team. Label keys to see their sum: ", command("kubectl label apikey NAME team=TEAM"))
      : empty("No key has spent anything yet.");
  }
  const most = Math.max(...list.map((s) => s.cost), Number.MIN_VALUE);
  const columns = [{ name: kind === "team" ? "Team" : "Key" }, number("Cost"), number("Tokens"), number("Requests")];
  return table(`Spend by ${kind}`, columns, list.map((s) => [
    [el("span", {}, name(s.name)), s.user && !s.name.endsWith(`/${s.user}`) ? el("small", {}, s.user) : null],
    [bar(s.cost / most), el("span", { class: "amount" }, money(s.cost))], compact(s.tokens), compact(s.requests),
  ]));
}

// bar is a length beside its number, which says the same.
function bar(part, level = "") {
  const fill = el("span", {});
  fill.style.inlineSize = `${Math.round(Math.min(1, part) * 100)}%`;
  return el("span", { class: `meter ${level}`, "aria-hidden": "true" }, fill);
}

const periods = { Day: "a day", Week: "a week", Month: "a month", Total: "in total" };

/** Budgets of which most is spent. */
export function budgets(gateway) {
  const list = gateway.budgets;
  if (!list.length && !telling(gateway).length) return empty("No pod tells of budgets.");
  if (!list.length) return empty("No budget is 80% spent or more.");
  const columns = [{ name: "Holder" }, { name: "Spent" }, { name: "Full again" }];
  return table("Budgets near their end", columns, list.map((b) => {
    const part = b.limit > 0 ? b.spent / b.limit : 1;
    return [
      [el("span", {}, name(b.holder)), el("small", {}, `${b.kind}, ${periods[b.per] ?? b.per}${b.shadow ? ", refuses nothing" : ""}`)],
      [bar(part, part >= 1 ? "bad" : "warn"), state(part >= 1 ? "bad" : "warn", percent(part)), el("small", {}, `${money(b.spent)} of ${money(b.limit)}`)],
      ago(b.resets, "never"),
    ];
  }));
}

/** The ways in which requests failed. */
export function errors(gateway) {
  const list = gateway.errors;
  if (!list.length && !telling(gateway).length) return empty("No pod tells of errors.");
  if (!list.length) return empty("No request has failed since the pods began.");
  const columns = [{ name: "Reason", wide: true }, { name: "Where" }, { name: "Status" }, number("Last hour"), number("In all"), { name: "Last seen" }, { name: "Last request" }];
  return table("Recent errors", columns, list.map((e) => [
    [state(e.level === "warning" ? "warn" : "bad", ...name(e.reason)), sample(e)],
    [el("span", {}, e.model || e.route || "–"), e.provider ? el("small", {}, e.provider) : null],
    [el("span", {}, e.status || "–"), e.upstreamStatus ? el("small", {}, `provider: ${e.upstreamStatus}`) : null],
    count(e.lastHour),
    count(e.count),
    ago(e.last),
    e.lastRequestID ? el("code", { class: "id" }, e.lastRequestID) : unknown("–"),
  ]));
}

function sample(e) {
  if (!e.sample) return null;
  return el("details", { "data-key": e.fingerprint }, el("summary", {}, "Sample", el("span", { class: "sr-only" }, ` of ${e.reason}`)), el("p", { class: "sample" }, e.sample));
}

/** The routes, keys and policies that are not ready: their rows, and how to show them. */
export function notReady(gateway) {
  const rows = [["Route", gateway.routes.filter((r) => r.ready.status !== "True")], ["Key", gateway.keys.notReady], ["Policy", gateway.policies.notReady]]
    .flatMap(([kind, list]) => list.map((a) => ({ kind, ...a })));
  return { rows, build: () => {
    if (!rows.length) return empty("All routes, keys and policies are ready.");
    return table("Attached and not ready", [{ name: "Name" }, { name: "Kind" }, { name: "State" }, { name: "Why", wide: true }], rows.map((r) => [
      name(r.namespace === gateway.namespace ? r.name : `${r.namespace}/${r.name}`), r.kind, state(kindOf(r.ready), readyWord(r.ready)),
      [el("span", {}, known(r.ready.reason)), r.ready.message ? el("small", {}, r.ready.message) : null],
    ]));
  } };
}

// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// What follows from an overview. Nothing here touches the page, so that each rule can be tried by itself.

import { instant, plural, share } from "./format.js";

const minute = 60_000;

/** The name of a gateway, as in its URL here. */
export const keyOf = (gateway) => `${gateway.namespace}/${gateway.name}`;

/** The kind of a condition's state: ok, bad or unknown. */
export const kindOf = (condition) => ({ True: "ok", False: "bad" })[condition.status] ?? "unknown";

/** Whether a gateway is ready, in words. */
export const readyWord = (condition) => ({ True: "Ready", False: "Not ready" })[condition.status] ?? "Unknown";

/** The minutes that are over: one that is not has less of everything, and would look like a fall. */
export const over = (traffic, at) => traffic.filter((m) => instant(m.at) + minute <= at);

/** The pods that tell of themselves. */
export const telling = (gateway) => gateway.pods.filter((pod) => !pod.silent);

/**
 * The figures at the top, over the last five minutes that are over (cost and tokens: over all minutes). Each is null where nothing
 * is known.
 */
export function figures(gateway, at) {
  const minutes = over(gateway.traffic, at);
  const recent = minutes.slice(-5);
  const sum = (list, of) => list.reduce((total, m) => total + m[of], 0);
  const last = (of) => recent.findLast((m) => m[of] > 0)?.[of] ?? null;
  const told = gateway.traffic.length > 0;
  const requests = sum(recent, "requests");
  const heard = telling(gateway);
  return {
    perMinute: recent.length ? requests / recent.length : null,
    requests: recent.length ? requests : null,
    failed: recent.length ? share(sum(recent, "failed"), requests) : null,
    failedCount: sum(recent, "failed"),
    refused: recent.length ? share(sum(recent, "refused"), requests) : null,
    p50: last("p50"),
    p95: last("p95"),
    firstP50: last("firstP50"),
    firstP95: last("firstP95"),
    hitRate: recent.findLast((m) => m.hitRate !== null)?.hitRate ?? null,
    cost: told ? sum(gateway.traffic, "cost") : null,
    tokens: told ? sum(gateway.traffic, "tokens") : null,
    inFlight: heard.length ? heard.reduce((total, pod) => total + pod.inFlight, 0) : null,
  };
}

/** Breakers of one provider by model and state, the open ones first, with the pods that say so. */
export function breakersOf(provider) {
  const groups = new Map();
  for (const b of provider.breakers) {
    const key = `${b.state} ${b.model}`;
    const group = groups.get(key) ?? { model: b.model, state: b.state, reason: b.reason, since: b.since, until: b.until, pods: [] };
    group.pods.push(b.pod);
    if (instant(b.since) < instant(group.since)) group.since = b.since;
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => (a.state === b.state ? a.model.localeCompare(b.model) : a.state === "Open" ? -1 : 1));
}

/** The worst breaker of a provider: Open, HalfOpen, Closed or, where no pod tells, Unknown. */
export function worstBreaker(provider, gateway) {
  if (provider.breakers.some((b) => b.state === "Open")) return "Open";
  if (provider.breakers.length) return "HalfOpen";
  return telling(gateway).length ? "Closed" : "Unknown";
}

// What is not known may be worse than what is half bad.
const order = { bad: 0, unknown: 1, warn: 2 };

/** What needs somebody, the worst first: {level, title, detail}. */
export function attention(gateway) {
  // What was not asked is no news; of a brief gateway there are only Kubernetes' own words.
  if (gateway.brief) return ofGateway(gateway).concat(ofAttached(gateway)).sort((a, b) => order[a.level] - order[b.level]);
  const found = [...ofGateway(gateway), ...ofPods(gateway), ...gateway.providers.flatMap((p) => ofProvider(p, gateway)),
    ...ofAttached(gateway), ...ofBudgets(gateway)];
  return found.sort((a, b) => order[a.level] - order[b.level]);
}

function ofGateway({ ready, conditions }) {
  const found = [];
  if (ready.status !== "True") {
    const title = ready.status === "False" ? "The gateway is not ready" : "Nobody knows whether the gateway is ready";
    found.push({ level: kindOf(ready), title, detail: said(ready) });
  }
  for (const c of conditions) {
    // Of these two, True is the bad news.
    const against = c.type === "Stalled" || c.type === "Conflicted";
    const bad = against ? c.status === "True" : c.status === "False";
    if (c.type === "Ready" || !bad || c.message === ready.message) continue;
    found.push({ level: "warn", title: `${c.type} is ${c.status}`, detail: said(c) });
  }
  return found;
}

function ofPods(gateway) {
  const found = [];
  if (gateway.podsOmitted > 0) {
    found.push({ level: "unknown", title: `${plural(gateway.podsOmitted, "pod")} more than fit are not shown`, detail: "their figures are not in the sums" });
  } else if (gateway.pods.length < gateway.desired) {
    found.push({
      level: gateway.pods.length ? "warn" : "bad",
      title: `${gateway.pods.length} of ${plural(gateway.desired, "pod")} ${gateway.pods.length === 1 ? "is" : "are"} there`,
      detail: `kubectl -n ${gateway.namespace} get pods tells why`,
    });
  }
  for (const pod of gateway.pods) {
    const detail = pod.reasons.join("; ");
    if (pod.silent) found.push({ level: "unknown", title: `Pod ${pod.name} is silent`, detail: `${detail || "no reason is known"}; its figures are not in the sums` });
    else if (!pod.programmed && !pod.draining) found.push({ level: "warn", title: `Pod ${pod.name} does not run the gateway's revision`, detail });
    else if (!pod.ready && !pod.draining) found.push({ level: "warn", title: `Pod ${pod.name} is not ready`, detail });
  }
  return found;
}

function ofProvider(provider, gateway) {
  const found = [];
  const of = gateway.pods.length;
  for (const b of breakersOf(provider)) {
    found.push({
      level: b.state === "Open" ? "bad" : "warn",
      title: `${provider.name}: the breaker of ${b.model} is ${b.state === "Open" ? "open" : "half-open"}`,
      detail: `${b.reason}, on ${b.pods.length} of ${plural(of, "pod")}`,
    });
  }
  if (provider.healthy.status === "False" && !provider.breakers.length) {
    found.push({ level: "bad", title: `${provider.name} is not healthy`, detail: said(provider.healthy) });
  } else if (provider.ready.status === "False" && !provider.breakers.length) {
    found.push({ level: "bad", title: `${provider.name} is not ready`, detail: said(provider.ready) });
  }
  if (provider.attempts >= 20 && provider.failures / provider.attempts >= 0.05) {
    found.push({ level: "warn", title: `${provider.name} fails often`,
      detail: `${share(provider.failures, provider.attempts)} of ${plural(provider.attempts, "attempt")} in the last minute` });
  }
  return found;
}

function ofAttached(gateway) {
  const routes = gateway.routes.filter((r) => r.ready.status !== "True");
  const kinds = [["route", "routes", routes], ["key", "keys", gateway.keys.notReady], ["policy", "policies", gateway.policies.notReady]];
  return kinds.filter(([, , list]) => list.length).map(([one, many, list]) => ({
    level: "warn",
    title: `${plural(list.length, one, many)} ${list.length === 1 ? "is" : "are"} not ready`,
    detail: list.slice(0, 3).map((a) => `${a.name}: ${a.ready.reason || a.ready.status}`).join(", ") + (list.length > 3 ? ` and ${list.length - 3} more` : ""),
  }));
}

function ofBudgets(gateway) {
  const spent = gateway.budgets.filter((b) => b.spent >= b.limit && !b.shadow);
  if (!spent.length) return [];
  return [{ level: "warn", title: `${plural(spent.length, "budget")} ${spent.length === 1 ? "is" : "are"} used up`,
    detail: spent.slice(0, 3).map((b) => `${b.kind} ${b.holder}`).join(", ") }];
}

const said = ({ reason, message }) => [reason, message].filter(Boolean).join(": ");

/** What changed for the worse or the better between two overviews, in sentences for those who listen. */
export function changes(before, after) {
  const said = [];
  const old = new Map(before.gateways.map((g) => [keyOf(g), g]));
  for (const g of after.gateways) {
    const was = old.get(keyOf(g));
    if (!was) {
      said.push(`Gateway ${g.name} is new.`);
      continue;
    }
    if (was.ready.status !== g.ready.status) said.push(`Gateway ${g.name}: ${readyWord(g.ready)}.`);
    if (was.brief || g.brief) continue; // what was not asked did not change
    for (const p of g.providers) {
      const then = was.providers.find((o) => o.name === p.name && o.namespace === p.namespace);
      const [from, to] = [then && worstBreaker(then, was), worstBreaker(p, g)];
      if (then && from !== to) said.push(`Breaker of ${p.name} on ${g.name}: ${to === "HalfOpen" ? "half-open" : to.toLowerCase()}.`);
    }
  }
  const left = before.gateways.length - after.gateways.filter((g) => old.has(keyOf(g))).length;
  if (left > 0) said.push(`${plural(left, "gateway")} went away.`);
  return said;
}

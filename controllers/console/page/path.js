// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// The path that a prompt took: what the pod says became of it. Where it says nothing of that there is only what it had planned.

import { el, empty, shape } from "./dom.js";
import { duration, percent, plural } from "./format.js";

/** Whether a prompt was answered, to the end. */
export const succeeded = ({ status, error }) => status >= 200 && status < 300 && !error;

/** The path in the order of its steps, as elements. */
export function path(played) {
  const { explain: plan, course } = played;
  if (!plan && !course) return [empty("The pod tells neither what it planned for this request nor what it did.")];
  const steps = [...before(plan, course), ...(course ? tried(course) : planned(plan)), answered(played)];
  const list = el("ol", { class: "path" }, steps);
  if (!course) return [el("p", { class: "hint" }, "This is what the pod planned. It does not tell which attempts it made."), list];
  return plan?.targets?.length ? [list, el("details", { class: "plan" }, el("summary", {}, "What was planned"), el("ol", { class: "path" }, planned(plan)))] : [list];
}

// before are the steps until a provider is asked.
function before(plan, course) {
  const steps = [];
  if (plan) steps.push(step("ok", "Request", `${plan.method} ${plan.path}`, [plan.operation && `${plan.operation} in the dialect ${plan.dialect}`, plan.stream && "streamed"]));
  const key = course?.key || plan?.key?.id;
  steps.push(key ? step("ok", "Key", key, plan?.key ? [`user ${plan.key.user}`, `role ${plan.key.role}`] : []) : step("unknown", "Key", "none"));
  if (plan) steps.push(limits(plan.limits ?? []));
  steps.push(step("ok", "Sanitizer", plan?.sanitizer || "not known", [course?.findings && `found: ${course.findings}`]));
  steps.push(step("ok", "Cache", plan?.cache || "not known", [found(course)]));
  const route = course ? course.route : plan.route?.id;
  if (route || plan?.route) steps.push(step("ok", "Route", route || plan.route.model, plan?.route ? [`by ${plan.route.by}`, plan.route.strategy] : []));
  else steps.push(step(course ? "unknown" : "bad", "Route", course ? "none" : "the model leads nowhere"));
  return steps;
}

const found = (course) => course?.cache && ["found:", course.cache, course.cacheTier && `in the ${course.cacheTier} cache`, course.cacheWhy && `(${course.cacheWhy})`].filter(Boolean).join(" ");

// tried are the attempts that were made.
function tried(course) {
  if (!course.attempts.length) return [step("ok", "Attempts", "none: no provider was asked")];
  return course.attempts.map((a, i) => {
    const good = a.outcome === "ok";
    const end = good ? "answered" : [a.reason || a.outcome, a.upstreamStatus && `the provider said ${a.upstreamStatus}`].filter(Boolean).join(", ");
    return step(good ? "ok" : a.outcome === "overtaken" ? "unknown" : "bad", `Attempt ${i + 1}`, [a.provider, a.model || a.upstreamModel].filter(Boolean).join(" · "), [
      a.kind !== "first" && a.kind, end, `after ${duration(a.durationMs) ?? "no time"}`, a.firstMs > 0 && `first byte after ${duration(a.firstMs)}`,
    ]);
  });
}

// planned are the targets in the order in which they would be tried, and what would keep the request from them.
function planned(plan) {
  return [...(plan.targets ?? []).map(target), ...(plan.refusals ?? []).map((r) => step("bad", "Refused", `${r.status} ${r.reason}`, [r.message]))];
}

function answered(played) {
  const what = played.status ? `status ${played.status}${played.error ? `, then: ${played.error}` : ""}` : "not at all";
  return step(succeeded(played) ? "ok" : "bad", "Answered", what, [played.headers["x-spark-reason"] || played.course?.reason]);
}

function step(kind, name, what, notes = []) {
  const more = notes.filter(Boolean).join(", ");
  return el("li", { class: kind }, shape(kind), el("span", {}, el("b", {}, name), " ", el("span", {}, what), more ? el("small", {}, more) : null));
}

function limits(list) {
  const none = list.filter((l) => !l.shadow && l.remaining === 0);
  const what = list.length ? `${plural(list.length, "limit")} looked at` : "none hold";
  return step(none.length ? "bad" : "ok", "Limits", what, none.map((l) => `nothing remains of ${l.scope} ${l.of}`));
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

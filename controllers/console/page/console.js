// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// The page as a whole: the tabs, signing in, and how fresh all of it is.

import { el, empty, fill, overflow, setNow, shape, state, tick } from "./dom.js";
import { attention, changes, keyOf, kindOf, readyWord } from "./facts.js";
import { instant, moment, plural, span } from "./format.js";
import { GatewayView } from "./gateway.js";
import { setToken, staleAfter, token, Watch } from "./session.js";

const byID = (id) => document.getElementById(id);
const show = (id, shown) => (byID(id).hidden = !shown);

let overview = null; // the last one
let problem = ""; // why there is none newer
let paused = false;
let view = null;

const watch = new Watch({
  overview: (next) => {
    if (problem) announce("The operator answers again.");
    problem = "";
    paused = false;
    setNow(instant(next.at) + watch.age);
    if (overview) announce(...changes(overview, next));
    overview = next;
    render();
  },
  failed: (why) => {
    if (!problem) announce(`The operator cannot be reached: ${why}.`);
    problem = why;
    paused = false;
    fresh();
  },
  refused: (why, status, hadToken) => {
    watch.stop();
    signIn(why, status, hadToken);
  },
  alone: (next) => {
    const gateway = selected(next);
    return gateway?.brief ? keyOf(gateway) : null;
  },
  paused: () => {
    paused = true;
    fresh();
  },
});

/** Tells those who listen instead of looking. */
function announce(...sentences) {
  if (sentences.length) byID("announcer").textContent = sentences.slice(0, 5).join(" ");
}

function render() {
  show("loading", false);
  show("sign-in", false);
  show("sign-out", Boolean(token()));
  show("gateways", overview.gateways.length > 0);
  byID("version").textContent = overview.version;
  fill(byID("omitted"), overview.omitted, () => `${plural(overview.omitted, "gateway")} more than fit are not shown.`);
  show("omitted", overview.omitted > 0);
  if (overview.gateways.length) select(selected(overview));
  else close();
  fresh();
  overflow();
}

/** The gateway that the address names, or else the first that is not ready, or else the first. */
function selected({ gateways }) {
  return gateways.find((g) => keyOf(g) === named()) ?? gateways.find((g) => keyOf(g) === view?.key) ??
    gateways.find((g) => g.ready.status !== "True") ?? gateways[0];
}

// named is the gateway of the address, which anybody may have written.
function named() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function select(gateway) {
  const key = keyOf(gateway);
  const tabs = overview.gateways.map((g) => ({ key: keyOf(g), name: g.name, namespace: g.namespace, ready: g.ready, needs: attention(g).length, on: keyOf(g) === key }));
  fill(byID("tabs"), tabs, () => tabs.map(tab));
  const panel = byID("panel");
  panel.setAttribute("aria-labelledby", `tab-${key}`);
  if (gateway.brief) {
    close();
    panel.replaceChildren(empty("Asking the pods of this gateway…"));
    watch.now();
    return;
  }
  if (view?.key !== key) {
    close();
    view = new GatewayView(panel, gateway, overview.playground);
    document.getElementById(`tab-${key}`).scrollIntoView({ block: "nearest" });
  }
  view.update(gateway, instant(overview.at));
}

function close() {
  view?.destroy();
  view = null;
}

function tab({ key, name, namespace, ready, needs, on }) {
  const node = el("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-selected": String(on), "aria-controls": "panel", tabindex: on ? "0" : "-1", "data-key": key },
    shape(kindOf(ready)), el("span", {}, el("b", {}, name), el("small", {}, namespace)), el("span", { class: `word ${kindOf(ready)}` }, readyWord(ready)),
    needs ? el("span", { class: "needs", title: `${plural(needs, "thing")} to look at` }, String(needs), el("span", { class: "sr-only" }, " to look at")) : null);
  node.addEventListener("click", () => choose(key));
  return node;
}

function choose(key) {
  history.replaceState(null, "", `#${encodeURIComponent(key)}`);
  render();
  document.getElementById(`tab-${key}`).focus();
}

// The arrow keys go from tab to tab, as the pattern of tabs asks for; Tab itself goes on to the panel.
byID("tabs").addEventListener("keydown", (event) => {
  const keys = overview.gateways.map(keyOf);
  const at = keys.indexOf(keyOf(selected(overview)));
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: keys.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choose(keys[(to + keys.length) % keys.length]);
});

addEventListener("hashchange", () => overview && render());

/** Says how old all this is, and what to do where there is nothing. */
function fresh() {
  const age = watch.age;
  const stale = age !== null && age > staleAfter;
  const heard = age === null ? "Nothing heard yet" : `last heard ${span(age)} ago`;
  byID("panel").toggleAttribute("data-old", stale || Boolean(problem));
  const [condition, words] = !byID("sign-in").hidden ? ["waiting", "Signed out"] : paused ? ["paused", `Paused, ${heard}`]
    : problem ? ["bad", age === null ? heard : `Not reached, ${heard}`]
      : stale ? ["stale", `Stale, ${heard}`]
        : age === null ? ["waiting", "Asking the operator…"] : ["live", `Live, ${heard}`];
  if (byID("freshness").dataset.state !== condition) {
    byID("freshness").dataset.state = condition;
    byID("freshness").querySelector(".shape")?.remove();
    byID("freshness").prepend(shape({ live: "ok", bad: "bad", stale: "warn" }[condition] ?? "unknown"));
  }
  if (byID("freshness-text").textContent !== words) byID("freshness-text").textContent = words;
  notice(stale, age);
}

function notice(stale, age) {
  const signingIn = !byID("sign-in").hidden;
  const what = signingIn ? null : problem ? { level: "bad", why: problem } : stale && !paused ? { level: "warn" } : overview?.gateways.length === 0 ? { level: "none" } : null;
  const host = byID("notice");
  host.hidden = what === null;
  host.dataset.level = what?.level ?? "";
  show("loading", !signingIn && overview === null && !problem);
  fill(host, [what, overview?.at], () => what && body(what, age));
}

function body(what, age) {
  const of = overview && `What is shown is of ${moment(instant(overview.at))}.`;
  switch (what.level) {
    case "bad":
      return [el("h2", {}, state("bad", "The operator cannot be reached")),
        el("p", {}, `Asked for an overview: ${what.why}. `, of ?? "Nothing is known of the gateways.", " It is asked again every 5 s; the gateways go on serving meanwhile.")];
    case "warn":
      return [el("h2", {}, state("warn", "These figures are stale")),
        el("p", {}, `${of} The operator answers, and what it tells was ${span(age)} old; its own log says why.`)];
    default:
      return [el("h2", {}, "No gateway yet"), el("p", {}, "There is no SparkGateway in this cluster. The smallest one:"),
        el("pre", { class: "scroll", role: "region", "aria-label": "Manifest of the smallest gateway" }, "kubectl apply -f - <<'EOF'\napiVersion: sparkgateway.dev/v1alpha1\nkind: SparkGateway\nmetadata: {name: main}\nspec: {}\nEOF"),
        el("p", {}, "Then a ProviderPolicy and an APIKey whose ", el("code", {}, "spec.gatewayRefs"), " names it. This page shows it as soon as it is there.")];
  }
}

function signIn(why, status, hadToken) {
  const refused = status === 403 ? `You may not read the console: ${why}.` : hadToken ? "The token was refused: it is wrong, or it has expired." : "";
  setToken(null);
  overview = null;
  problem = "";
  close();
  show("sign-in", true);
  show("gateways", false);
  show("sign-out", false);
  byID("sign-in-why").replaceChildren(...(refused ? [state("bad", refused)] : []));
  byID("token").value = "";
  byID("token").focus();
  fresh();
}

byID("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = byID("token").value.trim();
  if (!value) return byID("token").focus();
  setToken(value);
  byID("sign-in-why").textContent = "";
  watch.now();
});

byID("sign-out").addEventListener("click", () => {
  watch.stop();
  signIn("", 401, false);
});

addEventListener("resize", () => overflow());
setInterval(() => {
  tick();
  fresh();
}, 1000);
watch.now();

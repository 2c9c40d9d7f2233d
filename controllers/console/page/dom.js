// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// How elements come to be. What the server says becomes text nodes and never markup.

import { instant, moment, relative } from "./format.js";

/** An element with attributes (true stands alone; false, null and undefined are left out) and children (nodes, texts, lists). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A shape of the page's sprite: ok, bad, warn, half or unknown. It says nothing to screen readers, for a word goes with it. */
export function shape(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "shape");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#shape-${name}`);
  svg.append(use);
  return svg;
}

/** A state: its shape, its word, and its colour. */
export const state = (kind, ...words) => el("span", { class: `state ${kind}` }, shape(kind), el("span", {}, ...words));

/** A name that may be broken after its slashes and underscores. */
export const name = (text) => String(text).split(/(?<=[/_])/).flatMap((part, i) => (i ? [el("wbr"), part] : [part]));

/** What stands where nothing is known. */
export const unknown = (word = "unknown") => el("span", { class: "muted" }, word);

/** A value, or "unknown" for null. */
export const known = (value, word) => (value === null || value === undefined || value === "" ? unknown(word) : value);

// skew is how far the server's clock is ahead of this one: ages are by the clock that took the times.
let skew = 0;

/** Sets the server's clock. */
export const setNow = (at) => {
  skew = at - Date.now();
};

/** Now by the server's clock, in milliseconds. */
export const now = () => Date.now() + skew;

/** A time that goes on counting; the exact one is its tooltip. */
export function ago(text, missing = "unknown") {
  const at = instant(text);
  if (at === null) return unknown(missing);
  return el("time", { datetime: new Date(at).toISOString(), title: moment(at), "data-relative": at }, relative(at, now()));
}

/** Makes all times of the page say what they are now. */
export function tick() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const text = relative(Number(time.dataset.relative), now());
    if (time.textContent !== text) time.textContent = text;
  }
}

// kept remembers what each host shows, so that what has not changed is left alone: with it stay the focus and the selection.
const kept = new WeakMap();

/** Fills a host with what build gives, if value is not what it was. Open details and the focus, by their data-key, outlast it. */
export function fill(host, value, build) {
  const signature = JSON.stringify(value);
  if (kept.get(host) === signature) return;
  kept.set(host, signature);
  const open = new Set([...host.querySelectorAll("details[open][data-key]")].map((d) => d.dataset.key));
  const focused = host.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : undefined;
  host.replaceChildren(...[build()].flat().filter(Boolean));
  for (const details of host.querySelectorAll("details[data-key]")) details.open = open.has(details.dataset.key);
  if (focused !== undefined) {
    const again = [...host.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused);
    (again?.querySelector("summary") ?? again)?.focus({ preventScroll: true });
  }
  overflow(host);
}

/**
 * A table. Columns are {name, number?, wide?}; rows are lists of cells, the first of which names the row. What is too wide
 * scrolls, by the keyboard as well.
 */
export function table(caption, columns, rows) {
  const head = columns.map((c) => el("th", { scope: "col", class: c.number ? "number" : null }, c.name));
  const body = rows.map((cells) =>
    el("tr", {}, cells.map((cell, i) => {
      const classes = [columns[i].number && "number", columns[i].wide && "wide"].filter(Boolean).join(" ") || null;
      return i === 0 ? el("th", { scope: "row", class: classes }, cell) : el("td", { class: classes }, cell);
    })));
  return el("div", { class: "scroll", role: "group", "aria-label": caption },
    el("table", {}, el("caption", { class: "sr-only" }, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

/** Lets the keyboard reach those scrolling parts that do scroll, and only those. */
export function overflow(root = document) {
  for (const part of root.querySelectorAll(".scroll")) {
    if (part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 1) part.tabIndex = 0;
    else part.removeAttribute("tabindex");
  }
}

/** What stands where a list is empty: what that means and, where something can be done about it, what. */
export const empty = (...words) => el("p", { class: "empty" }, ...words);

/** A command to copy. */
export const command = (text) => el("code", {}, text);

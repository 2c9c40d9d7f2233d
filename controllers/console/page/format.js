// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// How numbers and times are written. What is not known is null here, and never 0.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** 1234567 as "1,234,567". */
export const count = (n) => whole.format(n);

/** 1234567 as "1.23M"; numbers below 10,000 in full. */
export const compact = (n) => (n < 100 ? whole.format(Math.round(n * 10) / 10) : n < 10000 ? whole.format(Math.round(n)) : short.format(n));

/** Milliseconds with three digits at most; null for 0, which the server says of what it does not know. */
export function duration(ms) {
  if (!(ms > 0)) return null;
  if (ms < 9.95) return `${ms.toPrecision(2)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59950) return `${(ms / 1000).toPrecision(3)} s`;
  return span(ms);
}

/** US dollars; small amounts keep two digits that tell something. */
export function money(usd) {
  if (usd === 0) return "$0.00";
  const sign = usd < 0 ? "−" : "";
  const amount = Math.abs(usd);
  if (amount >= 999.995) return `${sign}$${whole.format(Math.round(amount))}`;
  if (amount >= 0.0995) return `${sign}$${amount.toFixed(2)}`;
  if (amount < 0.000001) return `${sign}<$0.000001`;
  const places = Math.min(8, 1 - Math.floor(Math.log10(amount)));
  return `${sign}$${amount.toFixed(places)}`;
}

/** A share of a whole, null where the whole is nothing. It says 0% and 100% only where that is exact. */
export const share = (part, of) => (of > 0 ? percent(part / of) : null);

/** 0.0042 as "0.4%". */
export function percent(ratio) {
  if (ratio === 0) return "0%";
  const value = ratio * 100;
  if (value < 0.1) return "<0.1%";
  if (value < 10) return `${value.toFixed(1)}%`;
  if (value < 99.5) return `${Math.round(value)}%`;
  if (value < 100) return `${Math.min(99.9, Number(value.toFixed(1)))}%`;
  return `${whole.format(Math.round(value))}%`;
}

/** A stretch of time in its largest unit, or two below a few hours: "12 s", "3 min", "2 h 5 min", "4 d". */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 6 && min % 60) return `${h} h ${min % 60} min`;
  if (h < 48) return `${h} h`;
  return `${Math.floor(h / 24)} d`;
}

/** The milliseconds of a time of the server's, null for one that is missing or Go's zero. */
export function instant(text) {
  const ms = Date.parse(text ?? "");
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

/** "3 min ago", or "in 12 s" of what is to come. */
export function relative(at, now) {
  const ms = now - at;
  if (ms < -500) return `in ${span(-ms)}`;
  return ms < 1500 ? "just now" : `${span(ms)} ago`;
}

const hours = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });

/** "18:42", by the reader's clock. */
export const clock = (at) => hours.format(at);

/** "Nov 23, 2026, 18:42:07 GMT+1", by the reader's clock. */
export const moment = (at) => full.format(at);

/** A digest as people tell it apart. */
export const brief = (revision) => revision.replace(/^sha256:/, "").slice(0, 8);

/** "1 pod", "2 pods", "3 policies". */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

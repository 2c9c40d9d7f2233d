// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Asking the operator: who asks, how often, and what is known of the answers.

import { keyOf } from "./facts.js";
import { instant } from "./format.js";

const every = 5_000;
const patience = 10_000;
const tokenKey = "spark-token";

/** Beyond this age, in milliseconds, an overview is called stale. */
export const staleAfter = 15_000;

// The token is kept for this tab only; where storage is forbidden, until the page is left.
let held = null;

export function token() {
  try {
    return sessionStorage.getItem(tokenKey) ?? held;
  } catch {
    return held;
  }
}

export function setToken(value) {
  held = value;
  try {
    if (value) sessionStorage.setItem(tokenKey, value);
    else sessionStorage.removeItem(tokenKey);
  } catch {
    // held has it
  }
}

/** Asks the operator, by the token if there is one. It throws where no answer came. */
export function ask(path, options = {}, wait = patience) {
  const headers = { ...options.headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  return fetch(`api/${path}`, { ...options, headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(wait) });
}

/** What an answer that is no success says, in short. */
export async function complaint(response) {
  const text = (await response.text().catch(() => "")).slice(0, 500);
  try {
    return JSON.parse(text).error || `status ${response.status}`;
  } catch {
    return `status ${response.status}`;
  }
}

/**
 * Asks for the overview every five seconds while the page can be seen. The callbacks are given: overview(it), refused(why, status,
 * hadToken), failed(why), and paused(). alone(overview) gives the gateway to ask for alone, or null.
 */
export class Watch {
  #timer = 0;
  #round = 0;
  #heard = null; // {at, age}: when the last overview came, by performance.now, and how old it was then
  #calls;

  constructor(calls) {
    this.#calls = calls;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.now()));
  }

  /** The age of the last overview in milliseconds, null before the first. */
  get age() {
    return this.#heard && this.#heard.age + performance.now() - this.#heard.at;
  }

  /** Asks now, and from now on. */
  now() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#pause();
    else this.#ask(++this.#round);
  }

  /** Asks no more until now is called. */
  stop() {
    clearTimeout(this.#timer);
    this.#round++;
  }

  #pause() {
    this.stop();
    this.#calls.paused();
  }

  async #ask(round) {
    const hadToken = Boolean(token());
    let call;
    try {
      call = await this.#answer(await ask("overview"), hadToken);
    } catch (error) {
      const why = error.name === "TimeoutError" ? "no answer within 10 s" : "no connection";
      call = () => this.#calls.failed(why);
    }
    if (round !== this.#round) return; // stopped, or asked again, meanwhile
    this.#timer = setTimeout(() => this.#ask(round), every);
    call();
  }

  async #trouble(response, hadToken) {
    const why = await complaint(response);
    if (response.status === 401 || response.status === 403) return () => this.#calls.refused(why, response.status, hadToken);
    return () => this.#calls.failed(why);
  }

  async #answer(response, hadToken) {
    if (!response.ok) return this.#trouble(response, hadToken);
    const overview = await response.json();
    const alone = this.#calls.alone(overview);
    if (alone) {
      const whole = await ask(`overview?gateway=${encodeURIComponent(alone)}`);
      // It may have gone meanwhile.
      if (!whole.ok && whole.status !== 404) return this.#trouble(whole, hadToken);
      const [found] = whole.ok ? (await whole.json()).gateways : [];
      overview.gateways = overview.gateways.flatMap((g) => (keyOf(g) === alone ? (found ? { ...found, brief: false } : []) : g));
    }
    // Both times are by the server's clock, so that a wrong clock here does not make fresh figures stale.
    const sent = instant(response.headers.get("Date")) ?? Date.now();
    const age = Math.max(0, sent - (instant(overview.at) ?? sent));
    return () => {
      this.#heard = { at: performance.now(), age };
      this.#calls.overview(overview);
    };
  }
}

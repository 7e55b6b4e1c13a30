// The login of this tab: the access token in memory, the refresh token in sessionStorage, so that a reload stays signed in
// and a closed tab leaves nothing behind.
//
// Each refresh token is good for one exchange, and one that comes back ends the login. Tabs of one login (a duplicated tab,
// a link opened in a new one) therefore exchange under one lock, and tell each other of the new pair. A new tab asks the
// others for theirs before it asks the person for a password.

import { signal } from "@preact/signals";
import { Problem, problemOf } from "./problem.js";

/** A pair as the service answers it. */
export interface TokenPair {
  access: string;
  refresh: string;
}

type Said =
  | { kind: "pair"; login: string; pair: TokenPair }
  | { kind: "ask" }
  | { kind: "out"; login: string };

const STORED = "rollcall.console.refresh";
const LOCK = "rollcall.console.refresh";
const CHANNEL = "rollcall.console";
/** For how long a new tab waits for another one to answer, in ms. */
const ASK_FOR = 120;
/** A token is exchanged so long before its end, in ms, that it is still good when a request arrives. */
const AHEAD = 20_000;

/** Whether somebody is signed in; `unknown` until the start has found out. */
export const standing = signal<"unknown" | "out" | "in">("unknown");
/** Why this tab was signed out, for the page that asks to sign in again. */
export const farewell = signal<string | null>(null);

let pair: TokenPair | null = null;
let exchanging: Promise<string> | null = null;
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);

/** The claims of an access token that the console reads. Nothing is decided by them: the service decides. */
export function claimsOf(access: string): {
  sub?: string;
  sid?: string;
  exp?: number;
  org?: string;
} {
  try {
    const body = access.split(".")[1] ?? "";
    return JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {};
  }
}

/** The user id and organisation of whoever is signed in. */
export function whoIsIn(): { user: string | undefined; org: string | undefined } {
  const claims = pair ? claimsOf(pair.access) : {};
  return { user: claims.sub, org: claims.org };
}

/** Keeps a pair, and tells the other tabs of this login unless it came from one. */
export function keep(next: TokenPair, isNews = true): void {
  pair = next;
  sessionStorage.setItem(STORED, next.refresh);
  standing.value = "in";
  farewell.value = null;
  if (isNews) say({ kind: "pair", login: loginOf(next), pair: next });
}

/** Forgets the login in this tab; `why` is shown to the person. */
export function forget(why: string | null = null): void {
  pair = null;
  sessionStorage.removeItem(STORED);
  farewell.value = why;
  standing.value = "out";
}

/** Ends the login at the service and in all tabs that share it. */
export async function signOut(): Promise<void> {
  const ending = pair;
  forget();
  if (!ending) return;
  say({ kind: "out", login: loginOf(ending) });
  await fetch("/api/auth/logout/", {
    method: "POST",
    headers: { authorization: `Bearer ${ending.access}`, "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: ending.refresh }),
    keepalive: true,
  }).catch(() => undefined);
}

/** A good access token: the one at hand, or a new one where that is at its end or `refused` names it. */
export async function accessToken(refused?: string): Promise<string> {
  if (pair && pair.access !== refused && !isEnding(pair.access)) return pair.access;
  exchanging ??= underLock(exchange).finally(() => {
    exchanging = null;
  });
  return exchanging;
}

/** Finds out whether this tab, or another one of this browser, is signed in. */
export async function start(): Promise<void> {
  if (!sessionStorage.getItem(STORED)) await askOtherTabs();
  if (pair) return;
  if (!sessionStorage.getItem(STORED)) return forget();
  try {
    await accessToken();
  } catch (error) {
    // Without the network nobody is signed out: the pages say that the service cannot be reached, and try again.
    if (standing.value === "unknown" && error instanceof Problem) standing.value = "in";
  }
}

async function exchange(): Promise<string> {
  const before = pair;
  const refresh = sessionStorage.getItem(STORED);
  if (!refresh) throw signedOut();
  const response = await reach("/api/auth/refresh/", { refresh });
  if (response.ok) {
    keep((await response.json()) as TokenPair);
    return (pair as unknown as TokenPair).access;
  }
  const problem = await problemOf(response);
  if (problem.status !== 401 && problem.status !== 403) throw problem;
  // Another tab may have been quicker with the same token, and its pair is here already.
  if (pair && pair !== before) return pair.access;
  forget(problem.status === 403 ? problem.detail : "Your login has ended. Sign in to go on.");
  throw signedOut();
}

async function reach(path: string, body: unknown): Promise<Response> {
  try {
    return await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem(0, "unreachable", "The service cannot be reached.");
  }
}

/** Signs in. Throws the service's problem: `totp_required` asks for `totp`. */
export async function signIn(username: string, password: string, totp?: string): Promise<void> {
  const response = await reach("/api/auth/login/", { username, password, ...(totp && { totp }) });
  if (!response.ok) throw await problemOf(response);
  const { tokens } = (await response.json()) as { tokens: TokenPair | null };
  if (!tokens) throw new Problem(403, "account_pending", "The account waits for approval.");
  keep(tokens);
}

function underLock(work: () => Promise<string>): Promise<string> {
  if (!globalThis.navigator?.locks) return work();
  const asked = pair;
  return navigator.locks.request(LOCK, () =>
    // While this tab waited, another one may have brought a new pair.
    pair && pair !== asked && !isEnding(pair.access) ? pair.access : work(),
  ) as Promise<string>;
}

function isEnding(access: string): boolean {
  const { exp } = claimsOf(access);
  return exp !== undefined && exp * 1000 - Date.now() < AHEAD;
}

function loginOf(of: TokenPair): string {
  return claimsOf(of.access).sid ?? "";
}

function signedOut(): Problem {
  return new Problem(401, "signed_out", "You are signed out.");
}

function say(said: Said): void {
  channel?.postMessage(said);
}

function askOtherTabs(): Promise<void> {
  if (!channel) return Promise.resolve();
  say({ kind: "ask" });
  return new Promise((resolve) => {
    const settled = setTimeout(resolve, ASK_FOR);
    const stop = standing.subscribe((now) => {
      if (now !== "in") return;
      clearTimeout(settled);
      queueMicrotask(() => stop());
      resolve();
    });
  });
}

channel?.addEventListener("message", ({ data }: MessageEvent<Said>) => {
  if (data.kind === "ask") {
    if (pair) say({ kind: "pair", login: loginOf(pair), pair });
  } else if (data.kind === "out") {
    if (pair && loginOf(pair) === data.login) forget();
  } else if (pair ? loginOf(pair) === data.login : standing.value === "unknown") {
    keep(data.pair, false);
  }
});

// The login of this tab: the access token in memory, the refresh token in sessionStorage, so that a reload stays signed in
// and a closed tab leaves nothing behind.
//
// Each refresh token is good for one exchange, and one that comes back ends the login. Tabs of one login (a duplicated tab,
// a link opened in a new one) therefore exchange under one lock, and tell each other of the new pair. A tab that is loaded
// asks the others for theirs before it uses the token that it kept, which may be an old one, or asks for a password.

import { signal } from "@preact/signals";
import { follow, serverNow } from "../state/clock.js";
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
/** The name of the login beside its token: a tab takes pairs of its own login only. */
const STORED_LOGIN = "rollcall.console.login";
const LOCK = "rollcall.console.refresh";
const CHANNEL = "rollcall.console";
/** For how long a new tab waits for another one to answer, in ms. */
const ASK_FOR = 120;
/** A token is exchanged so long before its end, in ms, that it is still good when a request arrives. */
const AHEAD = 20_000;
/** For how long a sign-out waits for a token that is good, in ms. */
const PATIENCE = 5000;
/** Said where nobody knows whether the service has heard of a sign-out. */
const UNANSWERED = "The service did not answer: the login may still be open there.";

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
  sessionStorage.setItem(STORED_LOGIN, loginOf(next));
  standing.value = "in";
  farewell.value = null;
  if (isNews) say({ kind: "pair", login: loginOf(next), pair: next });
}

/** Forgets the login in this tab; `why` is shown to the person. */
export function forget(why: string | null = null): void {
  pair = null;
  sessionStorage.removeItem(STORED);
  sessionStorage.removeItem(STORED_LOGIN);
  farewell.value = why;
  standing.value = "out";
}

/** Ends the login at the service and in all tabs that share it. */
export async function signOut(): Promise<void> {
  // The service goes by the access token, and an exchange under way has used the refresh token up.
  const access = await soon((exchanging ?? accessToken()).catch(() => pair?.access));
  if (isOut()) return;
  const login = pair ? loginOf(pair) : sessionStorage.getItem(STORED_LOGIN);
  forget();
  if (login !== null) say({ kind: "out", login });
  const hasEnded = access !== undefined && (await endLogin(access));
  if (!hasEnded && isOut()) farewell.value = UNANSWERED;
}

async function endLogin(access: string): Promise<boolean> {
  const response = await fetch("/api/auth/logout/", {
    method: "POST",
    headers: { authorization: `Bearer ${access}`, "content-type": "application/json" },
    body: "{}",
    keepalive: true,
  }).catch(() => null);
  if (!response) return false;
  // A login that has ended refuses even a token that is good.
  return response.ok || (response.status === 401 && !isEnding(access));
}

function soon(token: Promise<string | undefined>): Promise<string | undefined> {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), PATIENCE);
  });
  return Promise.race([token, late]);
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
  await askOtherTabs();
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
  const login = sessionStorage.getItem(STORED_LOGIN);
  if (!refresh) throw signedOut();
  const response = await reach("/api/auth/refresh/", { refresh });
  const told = response.ok ? ((await response.json()) as TokenPair) : await problemOf(response);
  // Whoever has signed out meanwhile stays out.
  const isStillIn = !isOut() && sessionStorage.getItem(STORED_LOGIN) === login;
  if (!isStillIn) throw signedOut();
  if (!(told instanceof Problem)) {
    keep(told);
    return told.access;
  }
  if (told.status !== 401 && told.status !== 403) throw told;
  // Another tab may have been quicker with the same token, and its pair is here already.
  if (pair && pair !== before) return pair.access;
  forget(told.status === 403 ? told.detail : "Your login has ended. Sign in to go on.");
  throw signedOut();
}

async function reach(path: string, body: unknown): Promise<Response> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    follow(response.headers.get("date"));
    return response;
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
  return exp !== undefined && exp * 1000 - serverNow() < AHEAD;
}

function isOut(): boolean {
  return standing.value === "out";
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
  } else if (isOurs(data.login) && !isOlder(data.pair)) {
    keep(data.pair, false);
  }
});

function isOurs(login: string): boolean {
  if (isOut()) return false;
  const own = pair ? loginOf(pair) : sessionStorage.getItem(STORED_LOGIN);
  return own === null ? standing.value === "unknown" : own === login;
}

/** Several tabs may answer one question, and one of them may not have heard of the newest pair yet. */
function isOlder(other: TokenPair): boolean {
  const expiry = (of: TokenPair) => claimsOf(of.access).exp ?? 0;
  return pair !== null && expiry(other) < expiry(pair);
}

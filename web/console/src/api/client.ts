// Requests to the service: with the token of the login, which is renewed once where it is refused; answers as typed JSON,
// everything else as a `Problem`.

import { follow } from "../state/clock.js";
import { isAborted, Problem, problemOf } from "./problem.js";
import { accessToken } from "./session.js";

/** What a query may hold. `null`, `undefined` and the empty text are left out. */
export type Query = Record<string, string | number | boolean | null | undefined>;

/** How to ask. */
export interface Ask {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Query;
  /** Sent as JSON; text and blobs as they are. */
  body?: unknown;
  /** Of a body that is no JSON. */
  type?: string;
  signal?: AbortSignal | undefined;
}

/** The path with its query. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** A part of a path: ids may hold anything. */
export function part(id: string | number): string {
  return encodeURIComponent(String(id));
}

/** Asks, and answers the JSON; `undefined` for an answer without a body. */
export async function api<T>(path: string, ask: Ask = {}): Promise<T> {
  const response = await answer(path, ask);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Asks, and answers the response itself, its status 2xx: for streams and files. */
export async function answer(path: string, ask: Ask = {}): Promise<Response> {
  const token = await accessToken();
  const first = await send(path, ask, token);
  if (first.ok) return first;
  const problem = await problemOf(first);
  if (!isTokenRefused(problem)) throw problem;
  const second = await send(path, ask, await accessToken(token));
  if (second.ok) return second;
  throw await problemOf(second);
}

function isTokenRefused({ status, code }: Problem): boolean {
  return (
    status === 401 &&
    (code === "token_invalid" || code === "token_expired" || code === "login_ended")
  );
}

async function send(path: string, ask: Ask, token: string): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  let body: BodyInit | undefined;
  if (ask.type !== undefined) {
    headers["content-type"] = ask.type;
    body = ask.body as BodyInit;
  } else if (ask.body !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(ask.body);
  }
  const init: RequestInit = { method: ask.method ?? "GET", headers, signal: ask.signal ?? null };
  if (body !== undefined) init.body = body;
  try {
    const response = await fetch(address(path, ask.query), init);
    follow(response.headers.get("date"));
    return response;
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem(0, "unreachable", "The service cannot be reached.");
  }
}

// The names behind user ids. Streams and histories tell ids only; names are asked for one by one, for rows that are shown,
// a few at a time, and kept for as long as the page lives.

import { type Signal, signal } from "@preact/signals";
import { api, part } from "../api/client.js";
import type { Person } from "../api/types.js";

/** Requests under way at one time: names must not be in the way of what the person asked for. */
const AT_ONCE = 3;

const names = new Map<string, Signal<string | null>>();
const waiting: string[] = [];
let running = 0;

/** The name of a user; `null` until it is known, and for people of other issuers, who have no account here. */
export function nameOf(id: string): Signal<string | null> {
  const known = names.get(id);
  if (known) return known;
  const name = signal<string | null>(null);
  names.set(id, name);
  if (/^\d+$/.test(id)) {
    waiting.push(id);
    next();
  }
  return name;
}

/** Keeps a name that came along with something else. */
export function learn(id: string | number, name: string): void {
  const known = names.get(String(id));
  if (known) known.value = name;
  else names.set(String(id), signal(name));
}

function next(): void {
  // What is on the screen now was asked for last.
  const id = running < AT_ONCE ? waiting.pop() : undefined;
  if (id === undefined) return;
  running += 1;
  read(id).finally(() => {
    running -= 1;
    next();
  });
  next();
}

async function read(id: string): Promise<void> {
  const name = names.get(id);
  if (!name || name.value !== null) return;
  try {
    name.value = (await api<Person>(`/api/users/admin/users/${part(id)}/`)).username;
  } catch {
    // Whoever was removed keeps the number for a name.
  }
}

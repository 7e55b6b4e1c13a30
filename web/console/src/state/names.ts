// The names behind user ids. Streams and histories tell ids only; names are asked for one by one, for rows that are shown,
// a few at a time, and kept for as long as the page lives.

import { type Signal, signal } from "@preact/signals";
import { api, part } from "../api/client.js";
import { asProblem, type Problem } from "../api/problem.js";
import type { Person } from "../api/types.js";

/** Requests under way at one time: names must not be in the way of what the person asked for. */
const AT_ONCE = 3;
/** Names that wait at most. Whoever falls out is asked for again when a row shows them again. */
const MOST_WAITING = 100;
/** How long to wait, in ms, after a failure for which the service names no time. */
const USUAL_WAIT = 5000;

interface Known {
  name: Signal<string | null>;
  /** Whether it waits, is being read, or has been answered. */
  isAsked: boolean;
}

const names = new Map<string, Known>();
const waiting: string[] = [];
let running = 0;
let pause: ReturnType<typeof setTimeout> | undefined;

/** The name of a user; `null` until it is known, and for people of other issuers, who have no account here. */
export function nameOf(id: string): Signal<string | null> {
  const known = names.get(id) ?? { name: signal<string | null>(null), isAsked: false };
  names.set(id, known);
  if (!known.isAsked && known.name.peek() === null && /^\d+$/.test(id)) {
    known.isAsked = true;
    wait(id);
    next();
  }
  return known.name;
}

/** Keeps a name that came along with something else. */
export function learn(id: string | number, name: string): void {
  const known = names.get(String(id));
  if (known) known.name.value = name;
  else names.set(String(id), { name: signal<string | null>(name), isAsked: false });
}

function wait(id: string): void {
  waiting.push(id);
  if (waiting.length <= MOST_WAITING) return;
  const dropped = names.get(waiting.shift() as string);
  if (dropped) dropped.isAsked = false;
}

function next(): void {
  // What is on the screen now was asked for last.
  const id = running < AT_ONCE && pause === undefined ? waiting.pop() : undefined;
  if (id === undefined) return;
  running += 1;
  read(id).finally(() => {
    running -= 1;
    next();
  });
  next();
}

async function read(id: string): Promise<void> {
  const known = names.get(id);
  if (!known || known.name.value !== null) return;
  try {
    known.name.value = (await api<Person>(`/api/users/admin/users/${part(id)}/`)).username;
  } catch (error) {
    failed(id, known, asProblem(error));
  }
}

/** Whoever was removed, or is not to be seen, keeps the number for a name; the others are asked for again. */
function failed(id: string, known: Known, problem: Problem): void {
  if (problem.status === 404 || problem.status === 403) return;
  if (problem.isPassing) wait(id);
  else known.isAsked = false;
  clearTimeout(pause);
  pause = setTimeout(() => {
    pause = undefined;
    next();
  }, problem.retryAfter ?? USUAL_WAIT);
}

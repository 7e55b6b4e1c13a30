// The names behind user ids. Streams and histories tell ids only; names are asked for together, for rows that are shown,
// and kept for as long as the page lives.

import { type Signal, signal } from "@preact/signals";
import { api } from "../api/client.js";
import { asProblem, type Problem } from "../api/problem.js";
import type { CursorPage, Person } from "../api/types.js";

/** Names asked for by one request, one request after the other: they must not be in the way of what the person asked for. */
const TOGETHER = 50;
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
let isRunning = false;
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
  if (isRunning || pause !== undefined || waiting.length === 0) return;
  isRunning = true;
  // The rows of a list ask one after the other, before anything else runs.
  queueMicrotask(() => {
    // What is on the screen now was asked for last.
    read(waiting.splice(-TOGETHER)).finally(() => {
      isRunning = false;
      next();
    });
  });
}

/** Whoever is not found, because they were removed or are not to be seen, keeps the number for a name. */
async function read(asked: string[]): Promise<void> {
  const unknown = asked.filter((id) => names.get(id)?.name.peek() === null);
  if (unknown.length === 0) return;
  try {
    const address = `/api/users/admin/users/?ids=${unknown.join()}&per_page=${TOGETHER}`;
    for (const person of (await api<CursorPage<Person>>(address)).results)
      learn(person.id, person.username);
  } catch (error) {
    failed(unknown, asProblem(error));
  }
}

/** They are asked for again: after a while where that may help, or else when a row shows them again. */
function failed(ids: string[], problem: Problem): void {
  if (problem.status === 403) return;
  for (const id of ids) {
    const known = names.get(id);
    if (problem.isPassing) wait(id);
    else if (known) known.isAsked = false;
  }
  clearTimeout(pause);
  pause = setTimeout(() => {
    pause = undefined;
    next();
  }, problem.retryAfter ?? USUAL_WAIT);
}

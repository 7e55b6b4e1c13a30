// What flows in: counts each second and every change of status. Changes wait while somebody looks at the list or has paused
// it, so that nothing moves under a pointer.

import { type ReadonlySignal, signal } from "@preact/signals";
import { api } from "../../api/client.js";
import { followEvents } from "../../api/events.js";
import type { Counts, Moment, Status, Transition } from "../../api/types.js";
import { serverNow } from "../../state/clock.js";
import { may } from "../../state/me.js";
import { learn } from "../../state/names.js";
import { type Course, courseAfter, courseBefore, type Step } from "./course.js";
import { pastReader, readPast } from "./past.js";

/** How the stream stands; `ended`: it was refused, and is not tried again. */
export type Connection = "opening" | "live" | "broken" | "ended";

/** A change of status in the list. */
export interface Change {
  key: string;
  user_id: string;
  from: Status;
  to: Status;
  reason: string;
  occurred_at: Moment;
  text: string | null;
  emoji: string | null;
}

/** The flow of one organisation, or of all. */
export interface Flow {
  counts: ReadonlySignal<Counts | null>;
  course: ReadonlySignal<Course>;
  /** Newest first. */
  changes: ReadonlySignal<readonly Change[]>;
  /** How many wait to be shown. */
  waiting: ReadonlySignal<number>;
  /** Changes of the last minute. */
  perMinute: ReadonlySignal<number>;
  connection: ReadonlySignal<Connection>;
  /** Holds changes back, or lets them in. */
  hold: (isHeld: boolean) => void;
  /** Lets in what waits, once. */
  letIn: () => void;
  stop: () => void;
}

/** Changes kept in the list, and at most waiting. */
const MOST = 200;
/** How often the list is written anew, in ms. */
const FLUSH_EVERY = 500;
/** Names that are read to begin with. */
const NAMES = 1000;

/** Begins to follow. */
export function startFlow(org: string): Flow {
  const counts = signal<Counts | null>(null);
  const course = signal<Course>({ times: [], online: [], away: [], busy: [] });
  const connection = signal<Connection>("opening");
  const changes = createChanges();
  const aborter = new AbortController();
  let hasPast = false;

  const wantPast = pastReader(async () => {
    if (!may("view_history")) return;
    const past = await readPast(org, aborter.signal);
    changes.add(past.rows.map(asChange));
    const steps = past.rows.map(asStep);
    if (counts.value) course.value = courseBefore(counts.value, steps, serverNow(), past.since);
  }, aborter.signal);
  const count = (now: Counts) => {
    counts.value = now;
    course.value = courseAfter(course.value, now, serverNow());
    // It is reckoned backwards from counts that are fresh.
    if (!hasPast) wantPast();
    hasPast = true;
  };
  const stopEvents = followEvents(
    "/api/presence/events/",
    { org },
    {
      onEvent: ({ event, data, id }) => {
        if (event === "counts") count(JSON.parse(data));
        if (event === "missed") wantPast();
        if (event === "transition") changes.take(JSON.parse(data), id ?? "");
      },
      onOpen: (isAgain) => {
        connection.value = "live";
        // What was missed meanwhile is in the history.
        if (isAgain) hasPast = false;
      },
      onBreak: (_, isFinal) => {
        connection.value = isFinal ? "ended" : "broken";
      },
    },
  );
  const timer = setInterval(changes.flush, FLUSH_EVERY);
  void readNames(aborter.signal);
  return {
    counts,
    course,
    connection,
    changes: changes.shown,
    waiting: changes.waiting,
    perMinute: changes.perMinute,
    hold: changes.hold,
    letIn: changes.letIn,
    stop: () => {
      aborter.abort();
      stopEvents();
      clearInterval(timer);
    },
  };
}

/** The list of changes, with those that wait to be let in. */
export function createChanges() {
  const shown = signal<readonly Change[]>([]);
  const waiting = signal(0);
  const perMinute = signal(0);
  const recent = new Map<string, number>();
  let fresh: Change[] = [];
  let past: readonly Change[] = [];
  let isHeld = false;

  const letIn = () => {
    if (fresh.length === 0 && past.length === 0) return;
    shown.value = merged(merged(fresh, shown.value), past);
    fresh = [];
    past = [];
    waiting.value = 0;
  };
  const remember = (change: Change) => {
    recent.set(identity(change), Date.parse(change.occurred_at));
  };
  return {
    shown,
    waiting,
    perMinute,
    letIn,
    /** One from the stream. */
    take: (told: Omit<Change, "key">, version: string) => {
      const change = { ...told, key: `${told.user_id} ${version}` };
      remember(change);
      fresh.unshift(change);
      if (fresh.length > MOST) fresh.length = MOST;
    },
    /** Those of the history, newest first. */
    add: (rows: readonly Change[]) => {
      for (const row of rows) remember(row);
      past = rows;
      // Where there is nothing yet, nothing can be moved.
      if (!isHeld || shown.value.length === 0) letIn();
    },
    hold: (next: boolean) => {
      isHeld = next;
    },
    flush: () => {
      const minuteAgo = serverNow() - 60_000;
      for (const [known, at] of recent) if (at < minuteAgo) recent.delete(known);
      perMinute.value = recent.size;
      if (isHeld) waiting.value = fresh.length;
      else letIn();
    },
  };
}

/** Newer and older changes in one list, each once. */
function merged(newer: readonly Change[], older: readonly Change[]): readonly Change[] {
  const known = new Set(newer.map(identity));
  return [...newer, ...older.filter((change) => !known.has(identity(change)))]
    .sort((one, other) => (one.occurred_at < other.occurred_at ? 1 : -1))
    .slice(0, MOST);
}

function identity({ user_id, occurred_at, to }: Change): string {
  return `${user_id} ${occurred_at} ${to}`;
}

function asChange(row: Transition): Change {
  return {
    key: `${row.shard} ${row.epoch} ${row.n}`,
    user_id: row.user_id ?? "",
    from: row.from_status,
    to: row.to_status,
    reason: row.reason,
    occurred_at: row.occurred_at,
    text: null,
    emoji: null,
  };
}

function asStep(row: Transition): Step {
  return { from: row.from_status, to: row.to_status, at: Date.parse(row.occurred_at) };
}

/** The names of those who are present: most changes are theirs. */
async function readNames(signal: AbortSignal): Promise<void> {
  const present = await api<{ online_users: { id: number; username: string }[] }>(
    "/api/users/admin/users/online/",
    { query: { limit: NAMES }, signal },
  ).catch(() => null);
  for (const { id, username } of present?.online_users ?? []) learn(id, username);
}

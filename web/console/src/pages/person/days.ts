// A person's stretches of presence, cut at the midnights of the reader's time zone: a bar chart with a row a day.

import type { Status } from "../../api/types.js";
import type { Stretch } from "./types.js";

/** A piece of a stretch within a day. */
export interface Piece {
  status: Status;
  /** Where it begins and how long it is, as shares of the day. */
  left: number;
  width: number;
  /** Epoch ms, within the day. */
  from: number;
  to: number;
  isOpen: boolean;
}

/** A day with its pieces. */
export interface Day {
  /** Its midnights in epoch ms. */
  from: number;
  to: number;
  /** In order of time. */
  pieces: Piece[];
  /** How long each status lasted, in ms. */
  totals: Partial<Record<Status, number>>;
}

/** The days from `since` to `until` (epoch ms), newest first. An open stretch lasts until `now`. */
export function daysOf(
  stretches: readonly Stretch[],
  since: number,
  until: number,
  now: number,
): Day[] {
  const days: Day[] = [];
  for (let from = midnight(since, 0); from < until; from = midnight(from, 1)) {
    days.push({ from, to: midnight(from, 1), pieces: [], totals: {} });
  }
  for (const stretch of stretches) {
    const begin = Math.max(Date.parse(stretch.from), since);
    const end =
      stretch.to === null ? Math.min(now, until) : Math.min(Date.parse(stretch.to), until);
    for (const day of days) place(day, stretch, begin, end);
  }
  for (const day of days) day.pieces.sort((one, other) => one.from - other.from);
  return days.reverse();
}

function place(day: Day, stretch: Stretch, begin: number, end: number): void {
  const from = Math.max(begin, day.from);
  const to = Math.min(end, day.to);
  if (to <= from) return;
  const length = day.to - day.from;
  day.pieces.push({
    status: stretch.status,
    left: (from - day.from) / length,
    width: (to - from) / length,
    from,
    to,
    isOpen: stretch.open && to === end,
  });
  day.totals[stretch.status] = (day.totals[stretch.status] ?? 0) + to - from;
}

/** The local midnight that begins the day `days` after that of `at`; days of 23 and 25 hours included. */
export function midnight(at: number, days: number): number {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

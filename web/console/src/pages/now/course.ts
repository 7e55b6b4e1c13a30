// How the counts have gone in the last minutes: live from the stream, and before that calculated backwards. The counts of this
// moment are known, and every change since then undone gives those of an earlier one.

import type { Counts, Status } from "../../api/types.js";

/** The width of a point, in ms. */
export const STEP = 5000;
/** How far back the chart goes, in ms. */
export const SPAN = 15 * 60_000;

/** How many were present at the end of each step. */
export interface Course {
  /** Epoch ms, ascending. */
  times: number[];
  online: number[];
  away: number[];
  busy: number[];
}

/** A change of status, as far as counts are concerned. */
export interface Step {
  from: Status;
  to: Status;
  /** Epoch ms. */
  at: number;
}

type Shown = "online" | "away" | "busy";
const SHOWN: readonly Shown[] = ["online", "away", "busy"];

/** The course that led to `counts` at `now`, from `changes` (newest first); it begins at `since` or a span ago. */
export function courseBefore(
  counts: Counts,
  changes: readonly Step[],
  now: number,
  since: number,
): Course {
  const running = { online: counts.online, away: counts.away, busy: counts.busy };
  const course: Course = { times: [], online: [], away: [], busy: [] };
  const begin = Math.max(since, now - SPAN);
  let next = 0;
  for (let at = Math.floor(now / STEP) * STEP; at >= begin; at -= STEP) {
    for (let change = changes[next]; change && change.at > at; change = changes[next]) {
      undo(running, change);
      next += 1;
    }
    course.times.push(at);
    for (const status of SHOWN) course[status].push(Math.max(0, running[status]));
  }
  course.times.reverse();
  for (const status of SHOWN) course[status].reverse();
  return course;
}

function undo(running: Record<Shown, number>, { from, to }: Step): void {
  if (isShown(to)) running[to] -= 1;
  if (isShown(from)) running[from] += 1;
}

function isShown(status: Status): status is Shown {
  return (SHOWN as readonly string[]).includes(status);
}

/** The course with the counts of `now` at its end: a new point, or the last one corrected. What is too old goes. */
export function courseAfter(course: Course, counts: Counts, now: number): Course {
  const at = Math.floor(now / STEP) * STEP;
  const isSame = course.times.at(-1) === at;
  const first = course.times.findIndex((time) => time > at - SPAN);
  const keep = <T>(values: readonly T[], value: T) => [
    ...values.slice(first < 0 ? values.length : first, isSame ? -1 : undefined),
    value,
  ];
  return {
    times: keep(course.times, at),
    online: keep(course.online, counts.online),
    away: keep(course.away, counts.away),
    busy: keep(course.busy, counts.busy),
  };
}

// Lengths of sessions: the words for the ranges that they are counted in, and what the whole says.

import { countWords } from "../../state/words.js";

/** How many sessions are so long. */
export interface Bucket {
  /** In ms, included. */
  from_ms: number;
  /** In ms, not included; `null`: no end. */
  to_ms: number | null;
  count: number;
}

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
] as const;

/** The words for a bound, by its greatest unit that divides it: `90 s`, `2 h`. */
function bound(ms: number): readonly [number, string] {
  for (const [size, unit] of UNITS) {
    if (ms >= size && ms % size === 0) return [ms / size, unit];
  }
  return ms === 0 ? [0, "s"] : [Math.round(ms), "ms"];
}

/** The words for a range of lengths, short enough for an axis: `< 10 s`, `1–5 min`, `30 min–1 h`, `≥ 8 h`. */
export function bucketLabel({ from_ms, to_ms }: Pick<Bucket, "from_ms" | "to_ms">): string {
  const [from, unit] = bound(from_ms);
  if (to_ms === null) return `≥ ${from} ${unit}`;
  const [to, toUnit] = bound(to_ms);
  if (from_ms === 0) return `< ${to} ${toUnit}`;
  return unit === toUnit ? `${from}–${to} ${unit}` : `${from} ${unit}–${to} ${toUnit}`;
}

/** The figures of a distribution; times in ms, `null` if there was no session. */
export interface Lengths {
  /** Later than asked if the history begins later; RFC 3339. */
  from: string;
  count: number;
  median_ms: number | null;
  p90_ms: number | null;
  p99_ms: number | null;
  mean_ms: number | null;
  longest_ms: number | null;
  buckets: Bucket[];
}

/** A length in one unit, with one decimal where that says more: `45 s`, `31 min`, `3.4 h`. */
export function lengthWords(ms: number): string {
  const [size, unit] = UNITS.find(([one]) => ms >= 2 * one) ?? [1000, "s"];
  const value = ms / size;
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} ${unit}`;
}

/** The buckets from the first to the last that holds a session; those outside say nothing. */
export function filledBuckets(buckets: readonly Bucket[]): Bucket[] {
  const first = buckets.findIndex((bucket) => bucket.count > 0);
  const last = buckets.findLastIndex((bucket) => bucket.count > 0);
  return first < 0 ? [] : buckets.slice(first, last + 1);
}

/** What a distribution says, in a sentence. */
export function lengthsSummary({ count, median_ms, p90_ms }: Lengths): string {
  if (count === 0 || median_ms === null || p90_ms === null) return "Nobody left in this time.";
  return (
    `Of ${countWords(count)} sessions, half lasted ${lengthWords(median_ms)} or less, ` +
    `and one in ten longer than ${lengthWords(p90_ms)}.`
  );
}

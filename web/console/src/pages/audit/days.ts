// The days of a span, also those on which nothing was done, which the service leaves out.

const DAY = 86_400_000;
/** Of longer spans, in ms, the days before the first action are left out: an address may ask for two thousand years. */
const LONG = 400 * DAY;

/** A day of UTC; times are epoch ms. */
export interface Day {
  from: number;
  to: number;
  count: number;
  /** The span begins or ends within it. */
  isPartial: boolean;
}

/** All days that a span (epoch ms, half-open) touches, with what was counted on them, oldest first. */
export function daysOf(
  counted: readonly { day: string; count: number }[],
  since: number,
  until: number,
): Day[] {
  const counts = new Map(counted.map(({ day, count }) => [Date.parse(day), count]));
  const days: Day[] = [];
  const [oldest] = counted;
  const isLong = until - since > LONG;
  const first = oldest && isLong ? Math.max(since, Date.parse(oldest.day)) : since;
  for (let from = Math.floor(first / DAY) * DAY; from < until; from += DAY) {
    const to = from + DAY;
    days.push({ from, to, count: counts.get(from) ?? 0, isPartial: from < since || to > until });
  }
  return days;
}

// The words for days, weeks and months, and for windows that roll.

import type { Span } from "./span.js";
import { type Period, startOf } from "./zone.js";

const HOUR = 3_600_000;
/** The lengths of windows that roll, in ms. */
const WINDOWS: Readonly<Record<Period, number>> = {
  day: 24 * HOUR,
  week: 7 * 24 * HOUR,
  month: 30 * 24 * HOUR,
};

const LOCALE = "en-GB";

function words(at: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: zone }).format(at);
}

/** The day before the end: windows are half-open, people are not. */
function lastDay({ to }: Span): number {
  return to - 1;
}

/** Below a bar: the day, the week's first day or the month; of a rolling window its last day. */
export function periodLabel(span: Span, period: Period, kind: string, zone: string): string {
  if (kind === "rolling") return words(lastDay(span), zone, { day: "numeric", month: "short" });
  if (period === "month") return words(span.from, zone, { month: "short", year: "2-digit" });
  return words(span.from, zone, { day: "numeric", month: "short" });
}

/** In full: `Sat 21 Nov 2026`, `16–22 Nov 2026`, `November 2026`. */
export function periodName(span: Span, period: Period, kind: string, zone: string): string {
  const date: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
  if (period === "day") {
    return words(lastDay(span), zone, { weekday: "short", ...date }).replace(",", "");
  }
  if (period === "month" && kind === "calendar") {
    return words(span.from, zone, { month: "long", year: "numeric" });
  }
  const format = new Intl.DateTimeFormat(LOCALE, { ...date, timeZone: zone });
  return format.formatRange(span.from, lastDay(span));
}

/** Whether it is less than its whole period: the history or the span begins or ends within it. */
export function isCut(span: Span, period: Period, kind: string, zone: string): boolean {
  // A window in which clocks are put forward is an hour shorter.
  if (kind === "rolling") return span.to - span.from < WINDOWS[period] - HOUR;
  return [span.from, span.to].some((at) => startOf(period, at, zone) !== at);
}

// Words and numbers beside the axes: times in a zone, counts short enough for a phone.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between marks of a time axis, in ms; the library takes the first that leaves room. */
export const TIME_STEPS = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  61 * DAY,
  91 * DAY,
  183 * DAY,
  365 * DAY,
];

const LOCALE = "en-GB";
const formats = new Map<string, Intl.DateTimeFormat>();

/** A formatter for a zone; they are dear to make, so each is made once. */
function format(
  zone: string | undefined,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${zone ?? ""} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(LOCALE, zone ? { ...options, timeZone: zone } : options);
    formats.set(key, made);
  }
  return made;
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };

/**
 * The labels of a time axis.
 *
 * @param at the marks, epoch ms
 * @param step the distance between them, ms
 * @param zone an IANA zone; the browser's own if absent
 */
export function timeLabels(at: readonly number[], step: number, zone?: string): string[] {
  let day = "";
  return at.map((moment, index) => {
    if (step >= 28 * DAY) return monthLabel(moment, index === 0, zone);
    const date = format(zone, DATE).format(moment);
    if (step >= DAY) return date;
    const clock = format(zone, step < MINUTE ? { ...CLOCK, second: "2-digit" } : CLOCK).format(
      moment,
    );
    const isNewDay = day !== "" && day !== date;
    day = date;
    // A new day is named where it begins, below its first hour.
    return isNewDay ? `${clock}\n${date}` : clock;
  });
}

function monthLabel(moment: number, isFirst: boolean, zone: string | undefined): string {
  const month = format(zone, { month: "short" }).format(moment);
  const isJanuary = format(zone, { month: "numeric" }).format(moment) === "1";
  return isFirst || isJanuary
    ? `${month}\n${format(zone, { year: "numeric" }).format(moment)}`
    : month;
}

/** A moment in full, for readouts and tables: `Tue 3 Nov 2026, 14:05`. */
export function momentLabel(moment: number, zone?: string): string {
  const date = format(zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  return `${date.format(moment).replace(",", "")}, ${format(zone, CLOCK).format(moment)}`;
}

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** A count beside an axis: `950`, `1.2K`, `3M`. */
export function shortCount(value: number): string {
  return value < 10_000 ? whole.format(value) : short.format(value);
}

/** A count in full: `12,345`; averages with one decimal. */
export function fullCount(value: number): string {
  return whole.format(value);
}

/**
 * The next round number at or above a value: 1, 2, 2.5 or 5 times a power of ten, so that an axis ends on a mark.
 *
 * @param value the largest value shown; 0 and less make 1
 */
export function roundAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  const step = steps.find((one) => one * power >= value * 1.0001) ?? 10;
  return Math.max(1, step * power);
}

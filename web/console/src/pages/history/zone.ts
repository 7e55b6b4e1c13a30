// Calendars of time zones: where a day, a week or a month begins, also where clocks were put forward or back.

const parts = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let made = parts.get(zone);
  if (!made) {
    made = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    parts.set(zone, made);
  }
  return made;
}

/** The reader's own zone. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A zone, or the reader's own where the browser does not know it: addresses are shared between browsers. */
export function knownZone(zone: string): string {
  try {
    format(zone);
    return zone;
  } catch {
    return ownZone();
  }
}

/** How far a zone is ahead of UTC at a moment (epoch ms), in ms. */
export function offsetAt(at: number, zone: string): number {
  const told: Record<string, number> = {};
  for (const { type, value } of format(zone).formatToParts(at)) told[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = told;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** The moment (epoch ms) at which a zone's clocks show so many ms since 1970; after a gap, the moment behind it. */
export function momentOf(local: number, zone: string): number {
  const guess = local - offsetAt(local, zone);
  const offset = offsetAt(guess, zone);
  const better = local - offset;
  return offsetAt(better, zone) === offset ? better : Math.max(guess, better);
}

/** What a calendar counts in. */
export type Period = "day" | "week" | "month";

/** The beginning of the day, the week (Monday) or the month that a moment (epoch ms) lies in. */
export function startOf(period: Period, at: number, zone: string): number {
  const local = new Date(at + offsetAt(at, zone));
  const day = local.getUTCDate();
  const back = period === "day" ? 0 : period === "week" ? (local.getUTCDay() + 6) % 7 : day - 1;
  return momentOf(Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), day - back), zone);
}

/** All zones that the browser knows, the reader's own and UTC first. */
export function allZones(): string[] {
  const known =
    typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  return [...new Set([ownZone(), "UTC", ...known])];
}

// Times, spans and the service's words as people read them.

import type { Moment, Role, Standing, Status } from "../api/types.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const absolute = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
  hourCycle: "h23",
});
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const preciseTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const whole = new Intl.NumberFormat();

/** A moment in full, in the reader's own time zone. */
export function absoluteWords(at: Moment | number): string {
  return absolute.format(new Date(at));
}

/** A moment as the time of day. */
export function clockWords(at: Moment | number, isPrecise = false): string {
  return (isPrecise ? preciseTime : clockTime).format(new Date(at));
}

/** A moment as its day; with the year if it is not this one. */
export function dayWords(at: Moment | number, now = Date.now()): string {
  const date = new Date(at);
  return (date.getFullYear() === new Date(now).getFullYear() ? shortDay : longDay).format(date);
}

/** How long before `now` (ms) a moment was, or how long after: `12 s ago`, `in 5 min`; from a week on its day. */
export function relativeWords(at: Moment | number, now: number): string {
  const moment = new Date(at).getTime();
  const distance = Math.abs(now - moment);
  if (distance < 2 * SECOND) return "now";
  if (distance >= 7 * DAY) return dayWords(moment, now);
  const span = roughWords(distance);
  return moment <= now ? `${span} ago` : `in ${span}`;
}

function roughWords(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** A span in ms, by its two greatest units: `1 h 20 min`. */
export function spanWords(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR)
    return pair(Math.floor(ms / MINUTE), "min", Math.floor((ms % MINUTE) / SECOND), "s");
  if (ms < DAY) return pair(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "min");
  return pair(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h");
}

function pair(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first} ${firstUnit}` : `${first} ${firstUnit} ${second} ${secondUnit}`;
}

/** A number with separators. */
export function countWords(count: number): string {
  return whole.format(count);
}

/** `1 person`, `2 people`. */
export function plural(count: number, one: string, many: string): string {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

/** A size in bytes, by powers of 1024. */
export function sizeWords(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes > 0 ? Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1) : 0;
  const value = bytes / 1024 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** The words for a presence. */
export const STATUS_WORDS: Record<Status, string> = {
  online: "Online",
  away: "Away",
  busy: "Busy",
  offline: "Offline",
  invisible: "Invisible",
};

/** The words for an account's standing. */
export const STANDING_WORDS: Record<Standing | "inactive", string> = {
  active: "Active",
  pending: "Pending",
  suspended: "Suspended",
  banned: "Banned",
  inactive: "Switched off",
};

/** The words for a role. */
export const ROLE_WORDS: Record<Role, string> = {
  user: "User",
  moderator: "Moderator",
  admin: "Administrator",
};

const REASON_WORDS: Record<string, string> = {
  login: "logged in",
  connect: "connected",
  expired: "went silent",
  closed: "closed the page",
  idle: "left the keyboard",
  active: "is back",
  idle_timeout: "idle for too long",
  manual_set: "said so",
  manual_cleared: "took it back",
  manual_expired: "own status ended",
  admin_set: "set by an administrator",
  admin_cleared: "taken back by an administrator",
  admin_expired: "administrator's status ended",
  logout: "logged out",
  logout_all: "logged out everywhere",
  force_logout: "was logged out",
  suspended: "was suspended",
  banned: "was banned",
  deactivated: "account switched off",
  store_lost: "lost with the store",
  store_rewound: "store was rewound",
};

/** All reasons, for filters. */
export const REASONS: readonly string[] = Object.keys(REASON_WORDS);

/** Why somebody's status changed, in words. */
export function reasonWords(reason: string): string {
  return REASON_WORDS[reason] ?? reason.replaceAll("_", " ");
}

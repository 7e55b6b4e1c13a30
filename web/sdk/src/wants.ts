// What tabs want of the one connection that they share: whom to watch, which rooms to be in.
//
// A want is a map from names to grants (empty but for rooms that are joined). The first letter of a name is its kind, so
// that one union and one difference do for all kinds.

import { Failure } from "./failure.js";
import type { Targets } from "./types.js";

export type Want = Map<string, string>;

export const USER = "u";
export const ORG = "o";
export const ROOM = "r";
export const JOINED = "j";

/** People named in one frame or request, which holds 64 KiB. */
export const PART = 250;

/** The kinds that are watched, the fields of frames that name them, and how many are named in one frame: other than people one
 * by one, because what is refused takes all beside it with it. */
export const WATCHED: readonly (readonly [string, keyof Targets, number])[] = [
  [USER, "users", PART],
  [ORG, "orgs", 1],
  [ROOM, "rooms", 1],
];

/** A name with its kind, if the service takes it; one that it does not would have all those beside it refused. */
export function nameOf(kind: string, name: unknown): string {
  if (!/^[\w.:~%-]{1,128}$/.test(name as string)) throw new Failure("invalid_value", `${name}`);
  return kind + name;
}

/** The names that an application passes to `watch`. */
export function namesOf(whom: string | readonly string[] | Targets): string[] {
  const targets = (
    typeof whom === "string" || Array.isArray(whom) ? { users: [whom].flat() } : whom
  ) as Targets;
  return WATCHED.flatMap(([kind, field]) =>
    (targets[field] ?? []).map((name) => nameOf(kind, name)),
  );
}

/** Calls with the names of a kind, without its letter, in parts. */
export function inParts(
  names: Iterable<string>,
  kind: string,
  size: number,
  act: (part: string[]) => void,
): void {
  const all = [...names].filter((name) => name[0] === kind).map((name) => name.slice(1));
  while (all.length) act(all.splice(0, size));
}

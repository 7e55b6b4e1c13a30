// What tabs want of the one connection that they share: whom to watch, which rooms to be in.
//
// A want is a map from names to grants (empty but for rooms that are joined). The first letter of a name is its kind, so
// that one union and one difference do for all kinds.

import type { Targets } from "./types.js";

export type Want = Map<string, string>;

export const USER = "u";
export const ORG = "o";
export const ROOM = "r";
export const JOINED = "j";

/**
 * The kinds in the order in which the service is told of them: the frames that want one and no longer want it, the field
 * that names it, and how many a frame names. Of people as many as fit into its 64 KiB; of others one, because what is
 * refused takes all beside it with it.
 */
export const KINDS: readonly (readonly [string, string, string, string, number])[] = [
  [JOINED, "join", "leave", "room", 0],
  [USER, "watch", "unwatch", "users", 250],
  [ORG, "watch", "unwatch", "orgs", 1],
  [ROOM, "watch", "unwatch", "rooms", 1],
];

/** What the service takes for names of each kind, and of rooms. */
const NAMES: Record<string, RegExp> = { [USER]: /^[\w.~%-]{1,128}$/, [ORG]: /^[\w.-]{1,64}$/ };
const ROOM_NAME = /^[\w.:-]{1,128}$/;

/**
 * What an application wants that passes this to `watch`. A name that the service does not take would have all those beside it
 * refused: it fails here.
 */
export function wantOf(whom: string | readonly string[] | Targets): Want {
  const targets = (
    typeof whom === "string" || Array.isArray(whom) ? { users: [whom].flat() } : whom
  ) as Record<string, string[] | undefined>;
  const want: Want = new Map();
  for (const [kind, , , field] of KINDS)
    for (const name of targets[field] ?? [])
      if ((NAMES[kind] ?? ROOM_NAME).test(name)) want.set(kind + name, "");
      else throw new TypeError(name);
  return want;
}

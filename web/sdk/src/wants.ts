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

/** People whom one connection may watch by name. */
const MOST_USERS = 1000;
/** People named in one frame or request: it holds 64 KiB, and a name has 128 bytes at most. */
const PART = 250;

/** The names that the service takes; one that it does not would have all those beside it refused. */
export const isName = (name: unknown, isRoom: boolean): name is string =>
  typeof name === "string" && (isRoom ? /^[\w.:-]{1,128}$/ : /^[\w.~%-]{1,128}$/).test(name);

/** The names wanted by what an application passes to `watch`. */
export function namesOf(whom: string | readonly string[] | Targets): string[] {
  const isList = (given: typeof whom): given is readonly string[] => Array.isArray(given);
  const { users, orgs, rooms }: Targets =
    typeof whom === "string" ? { users: [whom] } : isList(whom) ? { users: whom } : whom;
  const names: string[] = [];
  for (const [kind, list] of [
    [USER, users],
    [ORG, orgs],
    [ROOM, rooms],
  ] as const)
    for (const name of list ?? []) {
      if (!isName(name, kind === ROOM)) throw new TypeError(`not a name: ${name}`);
      names.push(kind + name);
    }
  return names;
}

/** All that is wanted by some tab; `tooMany` is called if it is more than the service allows. */
export function union(wants: Iterable<Want>, tooMany: () => void): Want {
  const all: Want = new Map();
  let users = 0;
  const add = (grant: string, name: string) => {
    if (name[0] === USER && !all.has(name) && ++users > MOST_USERS) return;
    all.set(name, grant || all.get(name) || "");
  };
  for (const want of wants) want.forEach(add);
  if (users > MOST_USERS) tooMany();
  return all;
}

/** The names of one kind, without its letter. */
export const ofKind = (kind: string, names: Iterable<string>): string[] =>
  [...names].filter((name) => name[0] === kind).map((name) => name.slice(1));

/** Users in parts of which each fits into a frame. */
export function parts(users: string[]): string[][] {
  const all: string[][] = [];
  for (let at = 0; at < users.length; at += PART) all.push(users.slice(at, at + PART));
  return all;
}

// What one tab knows, of what it watches: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version.

import { safely } from "./failure.js";
import type { Frame } from "./transport.js";
import type { Counts, Events, RoomEvent, View } from "./types.js";
import { ORG, ROOM, USER } from "./wants.js";

export type Watcher = (view: View) => void;
export type Emit = <Name extends keyof Events>(name: Name, event: Events[Name]) => void;

export interface Book {
  /** Whom this tab watches: the names, with their kinds. */
  names(): Iterable<string>;
  /** Watches, and tells what is known already; answers how to stop. */
  follow(names: string[], watcher: Watcher): () => void;
  /** Takes in what the service told. */
  heard(frame: Frame, user: string | undefined): void;
  view(id: string): View | undefined;
  /** How those stand who are in a room. */
  inside(room: string): View[];
  /** Forgets those whom nobody watches any more. */
  prune(): void;
}

export function createBook(emit: Emit): Book {
  const watchers = new Map<string, Set<Watcher>>();
  const views = new Map<string, View>();
  const rooms = new Map<string, Set<string>>();
  let own: string | undefined;

  const concerns = (name: string, id: string) =>
    name === USER + id || name[0] === ORG || rooms.get(name)?.has(id);
  /** Who is to be told of somebody. */
  const concerned = (id: string) =>
    [...watchers].flatMap(([name, all]) => (concerns(name, id) ? [...all] : []));

  const see = (view: View, isWhole?: boolean) => {
    const id = view.user_id;
    const old = views.get(id);
    const told = new Set(concerned(id));
    if (!told.size && id !== own) return;
    if (!isWhole && view.version && view.version <= (old?.version ?? 0)) return;
    // A change says neither since when somebody has been present without a break, nor where.
    const isGone = view.status === "offline";
    const online_since = isGone ? null : (old?.online_since ?? view.since);
    const next = { online_since, devices: (!isGone && old?.devices) || [], ...view };
    if (JSON.stringify(next) === JSON.stringify(old)) return;
    views.set(id, next);
    if (id === own) emit("status", next);
    for (const watcher of told) safely(watcher, next);
    // The first look at somebody is no change.
    if (told.size && (old || !isWhole)) emit("presence", next);
  };
  const count = (counts: Counts) => {
    if (watchers.has(ORG + counts.org)) emit("counts", counts);
  };
  const happen = (event: RoomEvent) => {
    const name = ROOM + event.room;
    if (event.joined) {
      rooms.get(name)?.add(event.joined.user_id);
      see({ last_seen: null, ...event.joined });
    }
    if (event.left) rooms.get(name)?.delete(event.left.user_id);
    if (watchers.has(name)) emit("room", event);
  };

  return {
    names: () => watchers.keys(),
    follow(names, watcher) {
      // One of its own, so that who watches twice is told twice, and nobody who has stopped.
      let isWatching = true;
      const mine: Watcher = (view) => isWatching && watcher(view);
      for (const name of names) watchers.set(name, (watchers.get(name) ?? new Set()).add(mine));
      queueMicrotask(() => {
        for (const [id, view] of views)
          if (names.some((name) => concerns(name, id))) safely(mine, view);
      });
      return () => {
        isWatching = false;
        for (const name of names) {
          const left = watchers.get(name);
          left?.delete(mine);
          if (left?.size) continue;
          watchers.delete(name);
          rooms.delete(name);
        }
      };
    },
    heard({ type, ...frame }, user) {
      own = user;
      if (type === "presence") return see(frame as View);
      if (type === "counts") return count(frame as Counts);
      if (type === "room") return happen(frame as RoomEvent);
      const { views: seen = [], counts = {}, rooms: shown = {} } = frame;
      for (const room in shown) rooms.set(ROOM + room, new Set(shown[room].members));
      for (const view of seen) see(view, true);
      for (const org in counts) count({ org, ...counts[org] });
      for (const room in shown) happen({ room, count: shown[room].count });
    },
    view: (id) => views.get(id),
    inside: (room) => [...(rooms.get(ROOM + room) ?? [])].flatMap((id) => views.get(id) ?? []),
    prune() {
      for (const id of views.keys()) if (id !== own && !concerned(id).length) views.delete(id);
    },
  };
}

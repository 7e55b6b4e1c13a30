// What one tab knows, of what it watches: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version.

import { safely } from "./failure.js";
import type { Counts, Events, RoomEvent, View } from "./types.js";
import { ORG, ROOM, USER } from "./wants.js";
import type { Frame } from "./wire.js";

export type Watcher = (view: View) => void;
export type Emit = <Name extends keyof Events>(name: Name, event: Events[Name]) => void;

export interface Book {
  /** Whom this tab watches: the names, with their kinds. */
  names(): Set<string>;
  /** Watches, and tells what is known already; answers how to stop. */
  follow(names: string[], watcher: Watcher): () => unknown;
  /** Takes in what the service told. */
  heard(frame: Frame, user: string | undefined): void;
  view(id: string): View | undefined;
  /** How those stand who are in a room. */
  inside(room: string): View[];
  /** Forgets those whom nobody watches any more. */
  prune(): void;
}

/** What a change does not say: since when somebody has been present without a break, and where. */
const kept = (status: string, since: string | null, old?: View) =>
  status === "offline"
    ? { online_since: null, devices: [] }
    : { online_since: old?.online_since ?? since, devices: old?.devices ?? [] };

type Watch = readonly [names: string[], watcher: Watcher];

export function createBook(emit: Emit): Book {
  const watches = new Set<Watch>();
  const views = new Map<string, View>();
  const rooms = new Map<string, Set<string>>();
  let own: string | undefined;

  const names = () => new Set([...watches].flatMap(([all]) => all));
  const concerns = ([all]: Watch, id: string) =>
    all.some((name) => name === USER + id || name[0] === ORG || rooms.get(name)?.has(id));
  const isWatched = (id: string) => [...watches].some((watch) => concerns(watch, id));

  const see = (view: View, isWhole?: boolean) => {
    const { user_id: id, status, version, since } = view;
    const old = views.get(id);
    if (id !== own && !isWatched(id)) return;
    if (!isWhole && version && version <= (old?.version ?? 0)) return;
    const next = { ...kept(status, since, old), ...view };
    if (JSON.stringify(next) === JSON.stringify(old)) return;
    views.set(id, next);
    if (id === own) emit("status", next);
    for (const watch of watches) if (concerns(watch, id)) safely(watch[1], next);
    // The first look at somebody is no change.
    if (old || !isWhole) emit("presence", next);
  };
  const count = (counts: Counts) => {
    if (names().has(ORG + counts.org)) emit("counts", counts);
  };
  const happen = (event: RoomEvent) => {
    const { room, joined, left } = event;
    const members = rooms.get(ROOM + room);
    if (joined) {
      members?.add(joined.user_id);
      see({ last_seen: null, ...joined });
    }
    if (left) members?.delete(left.user_id);
    if (members) emit("room", event);
  };

  return {
    names,
    follow(all, watcher) {
      const watch: Watch = [all, watcher];
      watches.add(watch);
      queueMicrotask(() => {
        for (const [id, view] of views)
          if (watches.has(watch) && concerns(watch, id)) safely(watcher, view);
      });
      return () => watches.delete(watch);
    },
    heard({ type, ...frame }, user) {
      own = user;
      if (type === "presence") return see(frame as View);
      if (type === "counts") return count(frame as Counts);
      if (type === "room") return happen(frame as RoomEvent);
      const { views: seen = [], counts = {}, rooms: shown = {} } = frame;
      for (const room in shown)
        if (names().has(ROOM + room)) rooms.set(ROOM + room, new Set(shown[room].members));
      for (const view of seen) see(view, type === "snapshot");
      for (const org in counts) count({ org, ...counts[org] });
      for (const room in shown) happen({ room, count: shown[room].count });
    },
    view: (id) => views.get(id),
    inside: (room) => [...(rooms.get(ROOM + room) ?? [])].flatMap((id) => views.get(id) ?? []),
    prune() {
      for (const name of rooms.keys()) if (!names().has(name)) rooms.delete(name);
      for (const id of views.keys()) if (id !== own && !isWatched(id)) views.delete(id);
    },
  };
}

// What one tab knows, of what it watches: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version.

import { safely } from "./failure.js";
import type { Frame } from "./transport.js";
import type { Events, View } from "./types.js";
import { ORG, ROOM, USER } from "./wants.js";

export type Watcher = (view: View) => void;
export type Emit = <Name extends keyof Events>(name: Name, event: Events[Name]) => void;

export interface Book {
  /** Whom this tab watches: the names, with their kinds. */
  names(): Iterable<string>;
  /** Watches, and tells what is known already; answers how to stop. */
  watch(names: string[], watcher: Watcher): () => void;
  /** Takes in what the service told. */
  hear(frame: Frame, user: string | undefined): void;
  view(id: string): View | undefined;
  members(room: string): Iterable<string>;
  /** Forgets those whom nobody watches any more. */
  prune(): void;
}

export function createBook(emit: Emit): Book {
  const watchers = new Map<string, Set<Watcher>>();
  /** The names of organisations and rooms among them. */
  const groups = new Set<string>();
  const views = new Map<string, View>();
  const rooms = new Map<string, Set<string>>();
  let own: string | undefined;

  const concerns = (name: string, id: string) =>
    name === USER + id || name[0] === ORG || rooms.get(name)?.has(id);
  /** Who is to be told of somebody. */
  const concerned = (id: string) => {
    const told = new Set(watchers.get(USER + id));
    for (const name of groups)
      if (concerns(name, id)) for (const watcher of watchers.get(name) ?? []) told.add(watcher);
    return told;
  };

  const see = (view: View, isWhole?: boolean) => {
    const id = view.user_id;
    const old = views.get(id);
    const told = concerned(id);
    if (!told.size && id !== own) return;
    if (!isWhole && old?.version && view.version && view.version <= old.version) return;
    // A change says neither since when somebody has been present without a break, nor where.
    const before = old && old.status !== "offline" ? old : { online_since: view.since };
    const { online_since = null, devices = [] } = view.status === "offline" ? {} : (before as View);
    const next = { online_since, devices, ...view };
    if (JSON.stringify(next) === JSON.stringify(old)) return;
    views.set(id, next);
    if (id === own) emit("status", next);
    for (const watcher of told) safely(watcher, next);
    if (told.size) emit("presence", next);
  };

  return {
    names: () => watchers.keys(),
    watch(names, watcher) {
      // One of its own, so that who watches twice is told twice, and nobody who has stopped.
      let isWatching = true;
      const mine: Watcher = (view) => isWatching && watcher(view);
      for (const name of names) {
        watchers.set(name, (watchers.get(name) ?? new Set()).add(mine));
        if (name[0] === ORG || name[0] === ROOM) groups.add(name);
      }
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
          groups.delete(name);
          rooms.delete(name);
        }
      };
    },
    hear({ type, ...frame }, user) {
      own = user;
      const { room, joined, left, org } = frame;
      if (type === "presence") see(frame as View);
      else if (type === "counts") {
        if (watchers.has(ORG + org)) emit("counts", frame as Events["counts"]);
      } else if (type === "room") {
        const members = rooms.get(ROOM + room);
        if (joined) {
          members?.add(joined.user_id);
          see({ last_seen: null, ...joined });
        }
        if (left) members?.delete(left.user_id);
        if (watchers.has(ROOM + room)) emit("room", frame as Events["room"]);
      } else {
        const { views: seen = [], counts = {}, rooms: shown = {} } = frame;
        for (const name of Object.keys(shown)) rooms.set(ROOM + name, new Set(shown[name].members));
        for (const view of seen) see(view, type === "snapshot");
        for (const name of Object.keys(counts))
          this.hear({ type: "counts", org: name, ...counts[name] }, user);
        for (const name of Object.keys(shown))
          this.hear({ type: "room", room: name, count: shown[name].count }, user);
      }
    },
    view: (id) => views.get(id),
    members: (room) => rooms.get(ROOM + room) ?? [],
    prune() {
      for (const id of views.keys()) if (id !== own && !concerned(id).size) views.delete(id);
    },
  };
}

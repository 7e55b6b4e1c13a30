// What one tab knows, of what it watches: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version.

import { safely } from "./failure.js";
import type { Counts, Events, RoomEvent, View } from "./types.js";
import { ORG, ROOM, USER, type Want } from "./wants.js";
import type { Frame } from "./wire.js";

export type Watcher = (view: View) => void;
export type Emit = <Name extends keyof Events>(name: Name, event: Events[Name]) => void;

export interface Book {
  /** All that this tab wants. */
  wanted(): Want;
  /** Watches, and tells what is known already; answers how to stop. */
  follow(want: Want, watcher: Watcher): () => unknown;
  /** Takes in what the service told. */
  heard(frame: Frame, user: string | undefined): void;
  view(id: string): View | undefined;
  /** How those stand who are in a room. */
  inside(room: string): View[];
  /** Forgets those whom nobody watches any more. */
  prune(): void;
}

const isOld = ({ version }: View, old?: View) => version && version <= (old?.version ?? 0);

type Watch = readonly [want: Want, watcher: Watcher];

export function createBook(emit: Emit): Book {
  const watches = new Set<Watch>();
  const views = new Map<string, View>();
  const rooms = new Map<string, Set<string>>();
  let own: string | undefined;
  /** What a snapshot has told so far that comes in parts. */
  const parts: View[] = [];

  const wanted = () => new Map([...watches].flatMap(([want]) => [...want]));
  const concerns = ([want]: Watch, id: string) =>
    want.has(USER + id) ||
    [...want.keys()].some((name) => name[0] === ORG || rooms.get(name)?.has(id));
  const concerned = (id: string) => [...watches].filter((watch) => concerns(watch, id));

  const see = (view: View, isWhole?: boolean) => {
    const id = view.user_id;
    const old = views.get(id);
    if (id !== own && !concerned(id)[0]) return;
    // One's own truth may change where others see nothing, and the version stays.
    if (
      (!isWhole && id !== own && isOld(view, old)) ||
      JSON.stringify(view) === JSON.stringify(old)
    )
      return;
    views.set(id, view);
    if (id === own) emit("status", view);
    for (const watch of concerned(id)) safely(watch[1], view);
    // The first look at somebody is no change.
    if (old || !isWhole) emit("presence", view);
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

  const look = (
    { views: seen = [], counts = {}, rooms: shown = {} }: Omit<Frame, "type">,
    isWhole: boolean,
  ) => {
    for (const room in shown)
      if (wanted().has(ROOM + room)) rooms.set(ROOM + room, new Set(shown[room].members));
    for (const view of seen) see(view, isWhole);
    for (const org in counts) emit("counts", { org, ...counts[org] });
    for (const room in shown) happen({ room, count: shown[room].count });
  };

  return {
    wanted,
    follow(want, watcher) {
      const watch: Watch = [want, watcher];
      watches.add(watch);
      queueMicrotask(() => {
        for (const [id, view] of views)
          if (watches.has(watch) && concerns(watch, id)) safely(watcher, view);
      });
      return () => watches.delete(watch);
    },
    heard({ type, ...frame }, user) {
      own = user;
      if (type === "presence") see(frame as View);
      else if (type === "counts") emit(type, frame as Counts);
      else if (type === "room") happen(frame as RoomEvent);
      else if (type === "views") look(frame, false);
      else if (type === "snapshot") {
        parts.push(...frame.views);
        if (frame.complete) look({ ...frame, views: parts.splice(0) }, true);
      }
    },
    view: (id) => views.get(id),
    inside: (room) => [...(rooms.get(ROOM + room) ?? [])].flatMap((id) => views.get(id) ?? []),
    prune() {
      for (const name of rooms.keys()) if (!wanted().has(name)) rooms.delete(name);
      for (const id of views.keys()) if (id !== own && !concerned(id)[0]) views.delete(id);
    },
  };
}

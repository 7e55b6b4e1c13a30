// What one tab knows, of what it watches: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version. Of an organisation or a room it names those who are there: whoever it
// leaves out has gone while nobody told.

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

/** Somebody who is not seen any more. */
const absent = (user_id: string): View => ({
  user_id,
  status: "offline",
  since: null,
  last_seen: null,
  version: null,
});

type Watch = readonly [want: Want, watcher: Watcher];

export function createBook(emit: Emit): Book {
  const watches = new Set<Watch>();
  const views = new Map<string, View>();
  const rooms = new Map<string, Set<string>>();
  let own: string | undefined;
  /** What a snapshot has told so far that comes in parts. */
  const parts: View[] = [];
  /** Organisations that were gone through, and who was told of since all of them were. */
  const listed = new Set<string>();
  const named = new Set<string>();

  const wanted = () => new Map([...watches].flatMap(([want]) => [...want]));
  const concerns = ([want]: Watch, id: string) =>
    want.has(USER + id) ||
    [...want.keys()].some((name) => name[0] === ORG || rooms.get(name)?.has(id));
  const concerned = (id: string) => [...watches].filter((watch) => concerns(watch, id));

  const see = (view: View, isWhole?: boolean) => {
    const id = view.user_id;
    const old = views.get(id);
    named.add(id);
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
  /** Somebody is not in a room any more. Nobody else tells those who watch them there alone. */
  const depart = (room: string, id: string) => {
    if (id === own || concerned(id)[0] || !views.delete(id)) return;
    for (const [want, watcher] of watches) if (want.has(room)) safely(watcher, absent(id));
  };
  /** Once all organisations were gone through: whoever none of them named has gone. */
  const sweep = () => {
    const want = wanted();
    if ([...want.keys()].some((name) => name[0] === ORG && !listed.has(name))) return;
    for (const id of views.keys())
      if (
        id !== own &&
        !named.has(id) &&
        !want.has(USER + id) &&
        ![...rooms.values()].some((members) => members.has(id))
      )
        see(absent(id), true);
    listed.clear();
    named.clear();
  };
  const count = (counts: Counts) => wanted().has(ORG + counts.org) && emit("counts", counts);
  const happen = (event: RoomEvent) => {
    const { room, joined, left } = event;
    const members = rooms.get(ROOM + room);
    if (joined) {
      members?.add(joined.user_id);
      see({ last_seen: null, ...joined });
    }
    if (left && members?.delete(left.user_id)) depart(ROOM + room, left.user_id);
    if (members) emit("room", event);
  };

  /** A room was gone through. */
  const fill = (room: string, members: string[]) => {
    const name = ROOM + room;
    const before = rooms.get(name) ?? [];
    if (wanted().has(name)) rooms.set(name, new Set(members));
    for (const id of before) depart(name, id);
  };
  const look = (
    { views: seen = [], counts = {}, rooms: shown = {} }: Omit<Frame, "type">,
    isWhole: boolean,
  ) => {
    for (const room in shown) fill(room, shown[room].members);
    for (const view of seen) see(view, isWhole);
    for (const org in counts) {
      count({ org, ...counts[org] });
      // Of a very large one there are numbers alone, which say nothing of anybody.
      if (seen.length * 2 >= counts[org].users) listed.add(ORG + org);
    }
    for (const room in shown) happen({ room, count: shown[room].count });
    if (isWhole) sweep();
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
      else if (type === "counts") count(frame as Counts);
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

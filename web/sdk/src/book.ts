// What one tab knows: how people stand, how many there are, who is in which room.
//
// A change that is not newer than what is known is dropped; a snapshot is taken as it is, because a service that lost
// its store may have forgotten a newer version.

import type { Heard } from "./transport.js";
import type { Counts, RoomEvent, View } from "./types.js";
import { ORG, ofKind, ROOM, USER } from "./wants.js";

export interface BookNeeds {
  /** Whether what is known of a user, organisation or room is to be kept. */
  keeps(name: string): boolean;
  changed(view: View): void;
  counted(counts: Counts): void;
  happened(event: RoomEvent): void;
}

export interface Book {
  /** Takes in what the service told. */
  hear(frame: Heard): void;
  view(id: string): View | undefined;
  members(room: string): Set<string> | undefined;
  /** Everything that is known of these, as frames for a tab that asks late. */
  recall(names: string[]): Heard;
  /** Forgets whom nobody wants any more. */
  prune(): void;
}

const isOffline = (view: View | undefined) => !view || view.status === "offline";

export function createBook(needs: BookNeeds): Book {
  const views = new Map<string, View>();
  const counts = new Map<string, Counts>();
  const rooms = new Map<string, Set<string>>();

  const see = (view: View, isWhole: boolean) => {
    const id = view.user_id;
    const old = views.get(id);
    const isOld = old?.version && view.version && view.version <= old.version;
    if (!needs.keeps(USER + id) || (isOld && !isWhole)) return;
    // A change does not say since when somebody has been present without a break, nor where.
    const known = isOffline(view)
      ? { online_since: null, devices: [] }
      : isOffline(old)
        ? { online_since: view.since, devices: [] }
        : { online_since: old?.online_since ?? null, devices: old?.devices ?? [] };
    const next: View = { ...known, ...view };
    if (JSON.stringify(next) === JSON.stringify(old)) return;
    views.set(id, next);
    needs.changed(next);
  };

  const hearRoom = ({ type: _, ...event }: Heard) => {
    const { room, joined, left } = event as unknown as RoomEvent;
    if (joined) {
      rooms.get(room)?.add(joined.user_id);
      see({ last_seen: null, ...joined }, false);
    }
    if (left) rooms.get(room)?.delete(left.user_id);
    needs.happened(event as unknown as RoomEvent);
  };

  const count = (org: string, numbers: Omit<Counts, "org">) => {
    const known = { ...numbers, org };
    counts.set(org, known);
    needs.counted(known);
  };

  return {
    hear(frame) {
      if (frame.type === "room") return hearRoom(frame);
      if (frame.type === "counts") {
        const { type: _, server_time: __, org, ...numbers } = frame;
        return count(org, numbers as Omit<Counts, "org">);
      }
      if (frame.type === "presence") {
        const { type: _, ...view } = frame;
        return see(view as unknown as View, false);
      }
      for (const [room, shown] of Object.entries<{ count: number; members: string[] }>(frame.rooms ?? {}))
        rooms.set(room, new Set(shown.members));
      for (const view of frame.views ?? []) see(view, frame.type === "snapshot");
      for (const [org, numbers] of Object.entries<Omit<Counts, "org">>(frame.counts ?? {}))
        count(org, numbers);
      for (const [room, shown] of Object.entries<{ count: number }>(frame.rooms ?? {}))
        needs.happened({ room, count: shown.count });
    },
    view: (id) => views.get(id),
    members: (room) => rooms.get(room),
    recall(names) {
      const shown: Record<string, object> = {};
      const known: Record<string, Counts> = {};
      const users = new Set(ofKind(USER, names));
      for (const room of ofKind(ROOM, names)) {
        const members = [...(rooms.get(room) ?? [])];
        if (rooms.has(room)) shown[room] = { count: members.length, members };
        for (const id of members) users.add(id);
      }
      for (const org of ofKind(ORG, names)) {
        const numbers = counts.get(org);
        if (numbers) known[org] = numbers;
      }
      const isBroad = names.some((name) => name[0] === ORG);
      const seen = [...views.values()].filter((view) => isBroad || users.has(view.user_id));
      return { type: "snapshot", views: seen, counts: known, rooms: shown };
    },
    prune() {
      for (const id of views.keys()) if (!needs.keeps(USER + id)) views.delete(id);
      for (const org of counts.keys()) if (!needs.keeps(ORG + org)) counts.delete(org);
      for (const room of rooms.keys()) if (!needs.keeps(ROOM + room)) rooms.delete(room);
    },
  };
}

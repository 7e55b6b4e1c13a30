// Presence without sockets: heartbeats over HTTP at the pace that the service tells, and a look at those who are watched
// with each of them.

import { type Failure, failureOf } from "./failure.js";
import type { Call } from "./http.js";
import type { Activity, Heard, Identity, Transport } from "./transport.js";
import type { View } from "./types.js";
import { JOINED, ORG, ofKind, parts, ROOM, USER, type Want } from "./wants.js";

export interface PollingNeeds {
  readonly call: Call;
  readonly identity: Identity;
  activity(): Activity;
  isHidden(): boolean;
  wanted(): Want;
  /** A heartbeat was recorded. */
  answered(): void;
  heard(frame: Heard): void;
  failed(failure: Failure): void;
}

const pathOf = (room: string) => `presence/rooms/${room}/`;

export function startPolling(needs: PollingNeeds): Transport {
  const { call, identity } = needs;
  const { session, connection } = identity;
  const inside = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isBeating = false;
  let isDue = false;
  let isOver = false;

  const fail = (error: unknown) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    needs.failed(failureOf(error, "internal"));
  };

  /** What goes wrong in one room or with one list is told, and the rest goes on. */
  const attempt = async (work: () => Promise<Heard | undefined>) => {
    let frame: Heard | undefined;
    try {
      frame = await work();
    } catch (error) {
      const { code, message } = failureOf(error, "internal");
      frame = { type: "error", code, detail: message };
    }
    if (frame && !isOver) needs.heard(frame);
  };

  const look = (names: Iterable<string>) => {
    const wanted = [...names];
    for (const users of parts(ofKind(USER, wanted)))
      attempt(async () => ({
        type: "views",
        views: (await call("POST", "presence/query/", { users })).results,
      }));
    const org = ofKind(ORG, wanted)[0];
    if (org)
      attempt(async () => ({ ...(await call("GET", "presence/stats/")), type: "counts", org }));
    for (const room of ofKind(ROOM, wanted))
      attempt(async () => {
        await enter(room);
        const { count, results } = await call("GET", pathOf(room));
        const members = results.map((view: View) => view.user_id);
        return { type: "views", views: results, rooms: { [room]: { count, members } } };
      });
  };

  /** Enters a room that is to be joined; a session that has ended is in none any more. */
  const enter = async (room: string) => {
    const grant = needs.wanted().get(JOINED + room);
    if (grant === undefined || inside.has(room)) return;
    await call("PUT", `${pathOf(room)}membership/`, { session, grant: grant || null });
    inside.add(room);
  };

  const beat = async () => {
    isDue = isBeating;
    if (isBeating || isOver) return;
    clearTimeout(timer);
    isBeating = true;
    try {
      const answer = await call("POST", "users/heartbeat/", {
        ...identity,
        ...needs.activity(),
        hidden: needs.isHidden(),
      });
      if (isOver) return;
      timer = setTimeout(beat, answer.next_heartbeat_in_ms);
      if (answer.online_status === "offline") inside.clear();
      needs.answered();
      needs.heard({ type: "pong", ...answer, status: answer.online_status });
      look(needs.wanted().keys());
    } catch (error) {
      fail(error);
    } finally {
      isBeating = false;
      if (isDue) beat();
    }
  };
  beat();

  return {
    change(added, dropped) {
      for (const room of ofKind(JOINED, dropped)) {
        inside.delete(room);
        attempt(() => call("DELETE", `${pathOf(room)}membership/?session=${session}`).then(() => undefined));
      }
      look(added.keys());
    },
    typing() {},
    beat,
    renew() {},
    close(isGoodbye) {
      isOver = true;
      clearTimeout(timer);
      if (isGoodbye)
        return call("POST", "users/heartbeat/", { session, connection, logout: true }, true).catch(
          () => {},
        );
    },
  };
}

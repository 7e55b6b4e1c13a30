// Presence without sockets: heartbeats over HTTP at the pace that the service tells, and a look at those who are watched
// with each of them.

import { failureOf } from "./failure.js";
import type { Call } from "./http.js";
import type { Transport, TransportNeeds } from "./transport.js";
import type { View } from "./types.js";
import { inParts, JOINED, ORG, ROOM, USER } from "./wants.js";

export function startPolling(
  call: Call,
  isHidden: () => boolean,
  needs: TransportNeeds,
): Transport {
  const inside = new Set<string>();
  const { session, connection } = needs.whoAmI();
  const path = (room: string) => `presence/rooms/${room}/`;
  let nextAt = 0;
  let isBeating = false;
  let isOver = false;

  /** Asks for something, and tells what came of it; what goes wrong with one list or room is told, and the rest goes on. */
  const ask = async (type: string, work: () => Promise<object>) => {
    let frame: object;
    try {
      frame = { type, ...(await work()) };
    } catch (error) {
      const { code, message } = failureOf(error, "internal");
      frame = { type: "error", code, detail: message };
    }
    if (!isOver) needs.heard(transport, frame as never);
  };
  const look = (names: string[]) => {
    inParts(names, USER, 250, (users) =>
      ask("views", async () => ({
        views: (await call("POST", "presence/query/", { users })).results,
      })),
    );
    inParts(names, ORG, 1, ([org]) =>
      ask("counts", async () => ({ ...(await call("GET", "presence/stats/")), org })),
    );
    inParts(names, ROOM, 1, ([room = ""]) =>
      ask("views", async () => {
        const grant = needs.wanted().get(JOINED + room);
        if (grant !== undefined && !inside.has(room)) {
          await call("PUT", `${path(room)}membership/`, { session, grant: grant || null });
          inside.add(room);
        }
        const { count, results } = await call("GET", path(room));
        const members = results.map((view: View) => view.user_id);
        return { views: results, rooms: { [room]: { count, members } } };
      }),
    );
  };

  const transport: Transport = {
    change(added, dropped) {
      inParts(dropped, JOINED, 1, ([room = ""]) => {
        inside.delete(room);
        ask("", () => call("DELETE", `${path(room)}membership/?session=${session}`));
      });
      look([...added.keys()]);
    },
    say() {},
    async beat() {
      nextAt = 0;
      if (isBeating || isOver) return;
      isBeating = true;
      nextAt = Number.POSITIVE_INFINITY;
      try {
        const answer = await call("POST", "users/heartbeat/", {
          ...needs.whoAmI(),
          ...needs.howAmI(),
          hidden: isHidden(),
        });
        if (isOver) return;
        const { online_status: status } = answer;
        nextAt = Math.min(nextAt, Date.now() + answer.next_heartbeat_in_ms);
        // A session that has ended is in no room any more.
        if (status === "offline") inside.clear();
        needs.heard(transport, { ...answer, type: "pong", status });
        look([...needs.wanted().keys()]);
      } catch (error) {
        if (!isOver) needs.ended(transport, failureOf(error, "internal"));
        isOver = true;
      } finally {
        isBeating = false;
      }
    },
    tick(now) {
      if (now >= nextAt) transport.beat();
    },
    end(isGoodbye) {
      isOver = true;
      if (isGoodbye)
        return call("POST", "users/heartbeat/", { session, connection, logout: true }, true).catch(
          () => {},
        );
    },
  };
  return transport;
}

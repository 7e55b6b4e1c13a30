// Presence without sockets: heartbeats over HTTP at the pace that the service tells, and a look at those who are watched
// by name with each of them. Organisations and rooms need a socket.

import { failureOf } from "./failure.js";
import type { Call } from "./http.js";
import type { Transport, TransportNeeds } from "./transport.js";
import { inParts, PART, USER } from "./wants.js";

const HEARTBEAT = "users/heartbeat/";

export function startPolling(
  call: Call,
  isHidden: () => boolean,
  needs: TransportNeeds,
): Transport {
  let nextAt = 0;
  let isBeating = false;
  let isOver = false;

  const lose = (error: unknown) => {
    if (!isOver) needs.ended(transport, failureOf(error, "internal"));
    isOver = true;
  };
  const look = (names: Iterable<string>) =>
    inParts(names, USER, PART, (users) =>
      call("POST", "presence/query/", { users }).then(({ results: views }) => {
        if (!isOver) needs.heard(transport, { type: "views", views });
      }, lose),
    );
  const transport: Transport = {
    change: (added) => look(added.keys()),
    say() {},
    async beat() {
      nextAt = 0;
      if (isBeating || isOver) return;
      isBeating = true;
      nextAt = Number.POSITIVE_INFINITY;
      try {
        const answer = await call("POST", HEARTBEAT, {
          ...needs.whoAmI(),
          ...needs.howAmI(),
          hidden: isHidden(),
        });
        if (isOver) return;
        nextAt = Math.min(nextAt, Date.now() + answer.next_heartbeat_in_ms);
        needs.heard(transport, { ...answer, type: "pong", status: answer.online_status });
        look(needs.wanted().keys());
      } catch (error) {
        lose(error);
      }
      isBeating = false;
    },
    tick(now) {
      if (now >= nextAt) transport.beat();
    },
    end(isGoodbye) {
      isOver = true;
      if (isGoodbye)
        return call("POST", HEARTBEAT, { ...needs.whoAmI(), logout: true }, true).catch(() => {});
    },
  };
  return transport;
}

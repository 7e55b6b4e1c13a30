// Requests as a wire, where sockets cannot be opened: heartbeats over HTTP, and with each a look at those who are watched
// by name. Organisations and rooms need a socket.

import type { Call } from "./http.js";
import type { OpenWire } from "./wire.js";

const HEARTBEAT = "users/heartbeat/";
/** People of one question. */
const SOME = 250;

export const pollingBy =
  (call: Call, isHidden: () => boolean): OpenWire =>
  (heard, lost) => {
    const watched = new Set<string>();
    /** What the page says of itself. */
    let told = {};
    const look = (users: string[]) => {
      while (users.length)
        call("POST", "presence/query/", { users: users.splice(0, SOME) }).then(
          ({ results }) => heard({ type: "views", views: results }),
          // What is refused for good is no lost connection.
          (failure) =>
            failure.code === "invalid_value" ? heard({ type: "error", ...failure }) : lost(failure),
        );
    };
    queueMicrotask(() => heard({ type: "open" }));
    return {
      say({ type, token: _, users = [], ...frame }) {
        if (type === "watch") look([...users]);
        for (const id of users) type === "watch" ? watched.add(id) : watched.delete(id);
        if (!/^h/.test(type)) return;
        told = { ...told, ...frame };
        call("POST", HEARTBEAT, { ...told, hidden: isHidden() }).then((answer) => {
          heard({ ...answer, type: "pong", status: answer.online_status });
          look([...watched]);
        }, lost);
      },
      hangUp: (isGoodbye) =>
        isGoodbye && call("POST", HEARTBEAT, { ...told, logout: true }, true).catch(() => {}),
    };
  };

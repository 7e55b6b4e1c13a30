// A socket as a wire: docs/live.md is what is spoken on it.

import { Failure } from "./failure.js";
import type { SocketClass } from "./types.js";
import type { OpenWire } from "./wire.js";

/** Closes a socket that does not answer; not a goodbye, unlike 1000. */
const GIVEN_UP = 4000;

export const socketTo =
  (url: string, Socket: SocketClass): OpenWire =>
  (heard, lost) => {
    const socket = new Socket(url, "rollcall.v1");
    let after: number | undefined;
    socket.onopen = () => heard({ type: "open" });
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      after = frame.reconnect_in_ms;
      heard(frame);
    };
    // The reason is the code of the goodbye that came before it.
    socket.onclose = ({ reason }) => lost(new Failure(reason || "unreachable", reason, after));
    return {
      say: (frame) => socket.readyState === 1 && socket.send(JSON.stringify(frame)),
      hangUp: (isGoodbye) => socket.close(isGoodbye ? 1000 : GIVEN_UP),
    };
  };

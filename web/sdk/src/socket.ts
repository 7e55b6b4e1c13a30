// One socket, from its opening to its end; docs/live.md is what is spoken on it.
//
// Pages cannot see the server's pings, so a connection that is silent for longer than the pace of the pings is asked by
// a heartbeat, and given up if it does not answer: that finds connections that died without a word, and those that a
// sleeping machine has lost. Clocks decide, not timers, which browsers delay.

import { Failure } from "./failure.js";
import type { Frame, Transport, TransportNeeds } from "./transport.js";
import type { SocketClass } from "./types.js";
import { inParts, JOINED, WATCHED } from "./wants.js";

/** For opening and for each answer, ms. */
const PATIENCE = 10_000;
/** Closes a socket that does not answer; not a goodbye, unlike 1000. */
const GIVEN_UP = 4000;
export function openSocket(
  url: string,
  Socket: SocketClass,
  token: string,
  needs: TransportNeeds,
): Transport {
  const socket = new Socket(url, "rollcall.v1");
  /** When it was heard last, or asked. */
  let since = Date.now();
  let isAsked = true;
  let pace = 0;
  /** Watches that no snapshot has answered yet. */
  let unanswered = 0;
  let goodbye: Frame | undefined;
  let isOver = false;

  const say = (type: string, fields?: object) => {
    if (socket.readyState === 1) socket.send(JSON.stringify({ type, ...fields }));
  };
  const lose = (code: string, detail?: string, after?: number) => {
    if (isOver) return;
    isOver = true;
    needs.ended(transport, new Failure(code, detail, after));
  };
  const giveUp = (code: string, after = 0) => {
    socket.close(GIVEN_UP);
    lose(code, "given up", after);
  };
  const transport: Transport = {
    change(added, dropped) {
      for (const [kind, field, size] of WATCHED)
        inParts(dropped, kind, size, (part) => say("unwatch", { [field]: part }));
      inParts(dropped, JOINED, 1, ([room]) => say("leave", { room }));
      inParts(added.keys(), JOINED, 1, ([room]) =>
        say("join", { room, grant: added.get(JOINED + room) || null }),
      );
      for (const [kind, field, size] of WATCHED)
        inParts(added.keys(), kind, size, (part) => {
          unanswered++;
          say("watch", { [field]: part });
        });
    },
    say,
    beat() {
      say("heartbeat", needs.howAmI());
      if (!isAsked) since = Date.now();
      isAsked = true;
    },
    tick(now) {
      if (now - since < (isAsked ? PATIENCE : pace)) return;
      if (isAsked) giveUp("unreachable");
      else transport.beat();
    },
    end(isGoodbye) {
      isOver = true;
      socket.close(isGoodbye ? 1000 : GIVEN_UP);
    },
  };

  socket.onopen = () => say("hello", { token, ...needs.whoAmI(), ...needs.howAmI() });
  socket.onmessage = ({ data }) => {
    const frame: Frame = JSON.parse(data);
    const { type, retry_after } = frame;
    since = Date.now();
    isAsked = false;
    if (type === "welcome") pace = frame.interval_ms;
    if (type === "goodbye") goodbye = frame;
    if (frame.complete && unanswered) unanswered--;
    if (!isOver) needs.heard(transport, frame);
    // Something was refused for now, and the service does not say what: all is asked for anew.
    if (retry_after && unanswered) giveUp(frame.code, retry_after * 1000);
  };
  // The reason is the code of the goodbye, which says when to return, too.
  socket.onclose = ({ reason }) => lose(reason || "unreachable", reason, goodbye?.reconnect_in_ms);
  return transport;
}

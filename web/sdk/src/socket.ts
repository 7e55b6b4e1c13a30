// One socket, from its opening to its end; docs/live.md is what is spoken on it.
//
// Pages cannot see the server's pings, so a connection that is silent for longer than the pace of the pings is asked by
// a heartbeat, and given up if it does not answer: that finds connections that died without a word, and those that a
// sleeping machine has lost. Clocks decide, not timers, which browsers delay.

import { createBackoff } from "./backoff.js";
import { Failure } from "./failure.js";
import type { Frame, Transport, TransportNeeds } from "./transport.js";
import type { SocketClass } from "./types.js";
import { inParts, JOINED, WATCHED } from "./wants.js";

/** For opening and for each answer, ms. */
const PATIENCE = 10_000;
/** Closes a socket that does not answer; not a goodbye, unlike 1000. */
const GIVEN_UP = 4000;

/** What closes with these codes mean, whatever words come with them. */
const ENDS: Record<number, string> = {
  4401: "token_expired",
  4403: "account_inactive",
  4409: "login_ended",
};

export function openSocket(
  url: string,
  Socket: SocketClass,
  token: string,
  needs: TransportNeeds,
): Transport {
  const socket = new Socket(url, "rollcall.v1");
  const pause = createBackoff();
  /** When it was heard last, or asked. */
  let since = Date.now();
  let isAsked = true;
  let pace = 0;
  /** Watches that no snapshot has answered yet. */
  let unanswered = 0;
  let askAnewAt = Number.POSITIVE_INFINITY;
  let goodbye: Frame | undefined;
  let isOver = false;

  const say = (type: string, fields?: object) => {
    if (socket.readyState === 1) socket.send(JSON.stringify({ type, ...fields }));
  };
  const end = (code: number, why: string) => {
    if (isOver) return;
    isOver = true;
    const word = goodbye?.code || why;
    const meant = ENDS[code];
    const known = meant && !/^(token|account|login)_/.test(word) ? meant : word;
    needs.ended(transport, new Failure(known || "unreachable", why, goodbye?.reconnect_in_ms));
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
    typing: (room, on) => say("typing", { room, on }),
    beat() {
      say("heartbeat", needs.activity());
      if (!isAsked) since = Date.now();
      isAsked = true;
    },
    tick(now) {
      if (now > askAnewAt) {
        askAnewAt = Number.POSITIVE_INFINITY;
        unanswered = 0;
        say("unwatch");
        transport.change(needs.wanted(), []);
      }
      if (now - since < (isAsked ? PATIENCE : pace)) return;
      if (!isAsked) return transport.beat();
      socket.close(GIVEN_UP);
      end(GIVEN_UP, "no answer");
    },
    renew: (next) => say("hello", { token: next }),
    close(isGoodbye) {
      isOver = true;
      socket.close(isGoodbye ? 1000 : GIVEN_UP);
    },
  };

  socket.onopen = () => say("hello", { token, ...needs.identity(), ...needs.activity() });
  socket.onmessage = ({ data }) => {
    const frame: Frame = JSON.parse(data);
    since = Date.now();
    isAsked = false;
    if (frame.type === "welcome") pace = frame.interval_ms;
    if (frame.type === "goodbye") goodbye = frame;
    if (frame.complete && unanswered && !--unanswered) pause.reset();
    // Something was refused for now: all is asked for anew, because the service does not say what it was.
    if (frame.retry_after && unanswered)
      askAnewAt = Math.min(askAnewAt, since + frame.retry_after * 1000 + pause.next());
    if (!isOver) needs.heard(transport, frame);
  };
  socket.onclose = ({ code, reason }) => end(code, reason);
  return transport;
}

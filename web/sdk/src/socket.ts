// One socket, from its opening to its end; docs/live.md is what is spoken on it.
//
// Pages cannot see the server's pings, so a connection that is silent for longer than the pace of the pings is asked by
// a heartbeat, and given up if it does not answer: that finds connections that died without a word.

import type { Activity, Heard, Identity, Transport } from "./transport.js";
import type { SocketClass } from "./types.js";
import { createBackoff } from "./backoff.js";
import { JOINED, ORG, ofKind, parts, ROOM, USER, type Want } from "./wants.js";

/** For opening and for each answer, ms. */
const PATIENCE = 10_000;
/** Closes a socket that does not answer; not a goodbye, unlike 1000. */
export const GIVEN_UP = 4000;

/** How a socket ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** The service asks to return after so many ms. */
  readonly after: number;
  readonly wasWelcome: boolean;
}

export interface SocketNeeds {
  readonly url: string;
  readonly SocketClass: SocketClass;
  readonly token: string;
  readonly identity: Identity;
  activity(): Activity;
  wanted(): Want;
  heard(frame: Heard): void;
  closed(ending: Ending): void;
}

export function openSocket(needs: SocketNeeds): Transport {
  const socket = new needs.SocketClass(needs.url, "rollcall.v1");
  const pause = createBackoff();
  let pace = 0;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  /** Watches that no snapshot has answered yet. */
  let unanswered = 0;
  let goodbye: Heard | undefined;
  let isOver = false;

  const say = (type: string, frame?: object) => {
    if (socket.readyState === 1) socket.send(JSON.stringify({ type, ...frame }));
  };
  const expect = (ms: number, otherwise: () => void) => {
    clearTimeout(silence);
    silence = setTimeout(otherwise, ms);
  };
  const end = (code: number, reason = "") => {
    if (isOver) return;
    isOver = true;
    clearTimeout(silence);
    clearTimeout(again);
    if (code === GIVEN_UP) socket.close(GIVEN_UP);
    needs.closed({
      code,
      reason: goodbye?.code ?? reason,
      after: goodbye?.reconnect_in_ms ?? 0,
      wasWelcome: pace > 0,
    });
  };
  const giveUp = () => end(GIVEN_UP);
  const beat = () => {
    if (!pace) return;
    say("heartbeat", needs.activity());
    expect(PATIENCE, giveUp);
  };

  const change = (added: Want, dropped: string[]) => {
    const unwatch = (kind: string, verb: string, field: string) => {
      for (const part of parts(ofKind(kind, dropped))) say(verb, { [field]: part });
    };
    unwatch(USER, "unwatch", "users");
    unwatch(ORG, "unwatch", "orgs");
    unwatch(ROOM, "unwatch", "rooms");
    for (const room of ofKind(JOINED, dropped)) say("leave", { room });
    for (const room of ofKind(JOINED, added.keys()))
      say("join", { room, grant: added.get(JOINED + room) || null });
    const watch = (targets: object) => {
      unanswered++;
      say("watch", targets);
    };
    for (const users of parts(ofKind(USER, added.keys()))) watch({ users });
    // One by one: what is refused takes nothing else with it.
    for (const org of ofKind(ORG, added.keys())) watch({ orgs: [org] });
    for (const room of ofKind(ROOM, added.keys())) watch({ rooms: [room] });
  };

  /** Something was refused for now: all is asked for anew, because the service does not say what it was. */
  const askAnew = (after: number) => {
    clearTimeout(again);
    again = setTimeout(
      () => {
        unanswered = 0;
        say("unwatch");
        change(needs.wanted(), []);
      },
      after * 1000 + pause.next(),
    );
  };

  const heard = (frame: Heard) => {
    expect(pace || PATIENCE, pace ? beat : giveUp);
    if (frame.type === "welcome") {
      pace = frame.interval_ms;
      expect(pace, beat);
    } else if (frame.type === "goodbye") goodbye = frame;
    else if (frame.type === "snapshot" && frame.complete) {
      if (unanswered && !--unanswered) pause.reset();
    } else if (frame.type === "error" && frame.retry_after && unanswered) askAnew(frame.retry_after);
    needs.heard(frame);
  };

  expect(PATIENCE, giveUp);
  socket.onopen = () =>
    say("hello", { token: needs.token, ...needs.identity, ...needs.activity() });
  socket.onmessage = ({ data }) => {
    try {
      heard(JSON.parse(data));
    } catch {
      // Whoever says this does not speak the protocol.
      giveUp();
    }
  };
  socket.onclose = ({ code, reason }) => end(code, reason);

  return {
    change,
    typing: (room, on) => say("typing", { room, on }),
    beat,
    renew: (token) => say("hello", { token }),
    close(isGoodbye) {
      // Nobody needs to hear of the end who asked for it.
      isOver = true;
      clearTimeout(silence);
      clearTimeout(again);
      socket.close(isGoodbye ? 1000 : GIVEN_UP);
    },
  };
}

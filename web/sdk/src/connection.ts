// One connection, by whichever wire, from its opening to its end.
//
// Pages cannot see the server's pings, so a connection that is silent for longer than its pace is asked by a heartbeat, and
// given up if it does not answer: that keeps people online over HTTP, and finds sockets that died without a word or that a
// sleeping machine has lost. Clocks decide, not timers, which browsers delay.

import { Failure } from "./failure.js";
import { KINDS, type Want } from "./wants.js";
import type { Frame, OpenWire } from "./wire.js";

/** For opening and for each answer, ms. */
const PATIENCE = 15_000;

/** What a connection has to know, and whom it tells. */
export interface ConnectionNeeds {
  /** The token, which session it is, and how the user is. */
  hello(): object;
  /** How the user is: `activity`, `idle_ms`. */
  howAmI(): object;
  /** The service said something. A first `welcome` (of a socket) or `pong` (over HTTP) says that the connection works. */
  heard(from: Connection, frame: Frame): void;
  /** It is over, and was not ended from here. */
  lost(from: Connection, failure: Failure): void;
}

export interface Connection {
  /** Wants these, and no longer those. */
  change(added: Want, dropped: string[]): void;
  say(frame: Frame): void;
  /** Tells how the user is, and finds out whether the service is still there. */
  beat(): void;
  /** Some time has passed. */
  tick(now: number): void;
  /** Ends it; `isGoodbye`: the session ends, too, unless the page comes back. */
  end(isGoodbye?: boolean): unknown;
}

export function connectBy(open: OpenWire, needs: ConnectionNeeds): Connection {
  /** When it was heard last, or asked. */
  let since = Date.now();
  let isAsked = true;
  let pace = 0;
  /** Watches that were not answered yet. */
  let unanswered = 0;
  let isOver = false;

  const lost = (failure: Failure) => {
    if (isOver) return;
    isOver = true;
    needs.lost(connection, failure);
  };
  const giveUp = (code: string, after = 0) => {
    wire.hangUp(false);
    lost(new Failure(code, code, after));
  };
  const wire = open((frame) => {
    if (isOver) return;
    const { type, retry_after } = frame;
    since = Date.now();
    isAsked = type === "open";
    pace = frame.interval_ms ?? frame.next_heartbeat_in_ms ?? pace;
    if (isAsked) say({ type: "hello", ...needs.hello() });
    needs.heard(connection, frame);
    if (!unanswered || !(frame.complete || type === "error")) return;
    unanswered--;
    // A watch was refused for now: all is asked for anew, by another connection.
    if (retry_after) giveUp(frame.code, retry_after * 1000);
  }, lost);
  const { say } = wire;

  /** Tells of all names of a kind, in frames that hold `size` of them; 0: one, and not as a list. */
  const tellOf = (type: string, field: string, size: number, names: string[], added: Want) => {
    while (names.length) {
      const grant = added.get(names[0] as string) || undefined;
      const part = names.splice(0, size || 1).map((name) => name.slice(1));
      if (type === "watch") unanswered++;
      say({ type, [field]: size ? part : part[0], grant });
    }
  };
  const connection: Connection = {
    change(added, dropped) {
      for (const [kind, on, off, field, size] of KINDS) {
        const isOfKind = (name: string) => name[0] === kind;
        tellOf(off, field, size, dropped.filter(isOfKind), added);
        tellOf(on, field, size, [...added.keys()].filter(isOfKind), added);
      }
    },
    say,
    beat() {
      if (!isAsked) since = Date.now();
      isAsked = true;
      say({ type: "heartbeat", ...needs.howAmI() });
    },
    tick(now) {
      if (now - since < (isAsked ? PATIENCE : pace)) return;
      if (isAsked) giveUp("unreachable");
      else connection.beat();
    },
    end(isGoodbye = false) {
      isOver = true;
      return wire.hangUp(isGoodbye);
    },
  };
  return connection;
}

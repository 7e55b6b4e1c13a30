// What a connection does, by whichever way it goes: a socket, or heartbeats over HTTP.

import type { Failure } from "./failure.js";
import type { Want } from "./wants.js";

/** What a frame is, whoever says it; docs/live.md says which fields each type has. */
export interface Frame {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type of frame has fields of its own.
  readonly [field: string]: any;
}

/** What a connection has to know, and whom it tells. */
export interface TransportNeeds {
  /** Which session it holds: `session`, `connection`, `device`. */
  whoAmI(): { readonly session: string; readonly connection: string; readonly device?: string };
  /** How the user is: `activity`, `idle_ms`. */
  howAmI(): object;
  /** All that tabs want. */
  wanted(): Want;
  /** The service said something. A first `welcome` (of a socket) or `pong` (over HTTP) says that the connection works. */
  heard(from: Transport, frame: Frame): void;
  /** It is over, and was not closed from here. */
  ended(from: Transport, failure: Failure): void;
}

export interface Transport {
  /** Wants these, and no longer those. */
  change(added: Want, dropped: Iterable<string>): void;
  /** Says something that only a socket can say. */
  say(type: string, fields: object): void;
  /** Tells how the user is, and finds out whether the service is still there. */
  beat(): void;
  /** Some seconds have passed. */
  tick(now: number): void;
  /** Ends it; `isGoodbye`: the session ends, too, unless the page comes back. */
  end(isGoodbye?: boolean): unknown;
}

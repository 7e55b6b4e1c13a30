// What a connection does, by whichever way it goes: a socket, or heartbeats over HTTP.

import type { Want } from "./wants.js";

/** What a page tells of its user with each sign of life. */
export interface Activity {
  readonly activity: "active" | "idle";
  readonly idle_ms: number;
}

/** Which session a connection holds, as the service knows it. */
export interface Identity {
  readonly session: string;
  readonly connection: string;
  readonly device: string | undefined;
}

/** What the service tells, whichever way it comes. */
export interface Heard {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type of frame has fields of its own; docs/live.md says which.
  readonly [field: string]: any;
}

export interface Transport {
  /** Wants these, and no longer those. */
  change(added: Want, dropped: string[]): void;
  typing(room: string, on: boolean): void;
  /** Tells how the user is, and finds out whether the service is still there. */
  beat(): void;
  /** Goes on with this token. */
  renew(token: string): void;
  /** Ends it; `isGoodbye`: the session ends, too, unless the page comes back. */
  close(isGoodbye: boolean): unknown;
}

// What is spoken with the service, and the two ways to speak: a socket (socket.ts), or requests that do as if they were one
// (polling.ts).

import type { Failure } from "./failure.js";

/** What a frame is, whoever says it; docs/live.md says which fields each type has. */
export interface Frame {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type of frame has fields of its own.
  readonly [field: string]: any;
}

export interface Wire {
  say(frame: Frame): void;
  /** Closes it without a sound from it; `isGoodbye`: the session ends, too, unless the page comes back. */
  hangUp(isGoodbye: boolean): unknown;
}

/** Opens a wire. It hears an `open` first, then what the service says, and that it is over. */
export type OpenWire = (heard: (frame: Frame) => void, lost: (failure: Failure) => void) => Wire;

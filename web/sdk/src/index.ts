// The client of Rollcall. Read client.ts (a tab), line.ts (the connection), socket.ts and polling.ts (the two ways that
// it takes), tabs.ts (who holds it).

import { createClient } from "./client.js";
import type { Options, Rollcall } from "./types.js";

export { Failure } from "./failure.js";
export type {
  Counts,
  Device,
  Events,
  Options,
  Own,
  OwnStatus,
  Problem,
  Rollcall,
  RoomEvent,
  State,
  Status,
  StatusOptions,
  Targets,
  Token,
  View,
} from "./types.js";

let used: Rollcall | undefined;
const waiting = new Set<(rc: Rollcall) => void>();

/** Connects, and goes on until `close`. Never throws: what is wrong is told by the event `error` and the state `stopped`. */
export function connect(options: Options): Rollcall {
  const rc = createClient(options, globalThis);
  use(rc);
  return rc;
}

/** Says which connection the page's `<rollcall-dot>` show; the one made last unless said. */
export function use(rc: Rollcall): void {
  used = rc;
  for (const callback of waiting) callback(rc);
}

/** Calls back with the connection in use, now and when it changes, until the function that it answers is called. */
export function using(callback: (rc: Rollcall) => void): () => void {
  waiting.add(callback);
  if (used) callback(used);
  return () => void waiting.delete(callback);
}

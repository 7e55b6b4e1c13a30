// What happens in the page: somebody touches it, it is hidden and shown, it goes and comes back. Where there is no page
// (Node, a worker) none of it does.

import type { SocketClass } from "./types.js";

/** Input is told at most this often, ms. */
const THROTTLE = 5_000;
const EVENTS = "pagehide pageshow visibilitychange online pointerdown pointermove keydown wheel";

/** The globals of a page, or what there is of them. */
export interface Scope {
  readonly document?: Document;
  readonly navigator?: Navigator;
  readonly location?: Location;
  readonly localStorage?: Storage;
  readonly sessionStorage?: Storage;
  readonly BroadcastChannel?: typeof BroadcastChannel;
  readonly WebSocket?: SocketClass;
}

/**
 * Listens to the page until `signal`. `touched`: somebody is there. `changed`: the page is shown or hidden, or on the network
 * again. `gone`: it goes, perhaps for good; `back`: it is back, from the back/forward cache.
 */
export function watchPage(
  scope: Scope,
  signal: AbortSignal,
  touched: () => void,
  changed: () => void,
  gone: () => void,
  back: () => void,
): void {
  const { document } = scope;
  let told = 0;
  const listen = ({ type, persisted }: Partial<PageTransitionEvent>) => {
    if (type === "pagehide") return gone();
    if (type === "pageshow") return persisted && back();
    if (/^[vo]/.test(type ?? "")) changed();
    if (type === "online" || document?.hidden || Date.now() - told < THROTTLE) return;
    told = Date.now();
    touched();
  };
  if (document)
    for (const name of EVENTS.split(" "))
      (scope as EventTarget).addEventListener(name, listen, { capture: true, signal });
}

// What happens in the page: somebody touches it, it is hidden and shown, it goes and comes back. Where there is no page
// (Node, a worker) none of it does.

import type { SocketClass } from "./types.js";

/** Input is told at most this often, ms. */
const THROTTLE = 5_000;

/** The globals of a page, or what there is of them. */
export interface Scope {
  readonly document?: Document;
  readonly navigator?: Navigator;
  readonly location?: Location;
  readonly localStorage?: Storage;
  readonly sessionStorage?: Storage;
  readonly BroadcastChannel?: typeof BroadcastChannel;
  readonly WebSocket?: SocketClass;
  readonly fetch?: typeof fetch;
}

export interface PageNeeds {
  /** Somebody is there. */
  active(): void;
  /** Shown, hidden, thawed, or on the network again. */
  changed(): void;
  /** The page goes, perhaps for good. */
  left(): void;
  /** It is back, from the back/forward cache. */
  returned(): void;
}

/** Listens to the page; answers how to stop. */
export function watchPage(scope: Scope, needs: PageNeeds): () => void {
  const { document } = scope;
  const listening = new AbortController();
  let told = 0;

  const listen = ({ type, persisted }: Partial<PageTransitionEvent>) => {
    if (type === "pagehide") needs.left();
    else if (type === "pageshow") persisted && needs.returned();
    else {
      const isChange = /^(visibilitychange|online|resume)$/.test(type ?? "");
      if (isChange) needs.changed();
      if (document?.hidden || Date.now() - told < THROTTLE) return;
      told = Date.now();
      needs.active();
    }
  };
  if (document)
    for (const name of "pagehide pageshow visibilitychange online resume pointerdown pointermove keydown scroll wheel touchstart".split(
      " ",
    ))
      (scope as EventTarget).addEventListener(name, listen, {
        capture: true,
        passive: true,
        signal: listening.signal,
      });
  return () => listening.abort();
}

// What happens in the page: somebody touches it, it is hidden and shown, it goes and comes back, the machine sleeps.
// Where there is no page (Node, a worker) none of it does.

import type { SocketClass } from "./types.js";

/** Input is told at most this often, ms. */
const THROTTLE = 5_000;
/** How often the clock is looked at, ms. */
const TICK = 10_000;
/** The clock jumped by more than timers of hidden pages are delayed, ms: the machine slept. */
const SLEPT = 70_000;

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

export interface PageNeeds {
  /** Somebody is there. */
  active(): void;
  /** Shown, hidden, awake, or on the network again. */
  changed(): void;
  /** The page goes, perhaps for good. */
  left(): void;
  /** It is back, from the back/forward cache. */
  returned(): void;
}

/** Listens to the page; answers how to stop. */
export function watchPage(scope: Scope, needs: PageNeeds): () => void {
  const listening = new AbortController();
  const { document } = scope;
  let told = 0;
  let looked = Date.now();

  const touched = () => {
    if (Date.now() - told < THROTTLE) return;
    told = Date.now();
    needs.active();
  };
  const on = (target: EventTarget | undefined, names: string, listener: (event: Event) => void) => {
    for (const name of names.split(" "))
      target?.addEventListener(name, listener, {
        capture: true,
        passive: true,
        signal: listening.signal,
      });
  };
  const window = document ? (scope as unknown as EventTarget) : undefined;
  on(window, "pointerdown pointermove keydown wheel scroll touchstart touchmove focus", touched);
  on(window, "online resume", needs.changed);
  on(window, "pagehide", needs.left);
  on(window, "pageshow", (event) => (event as PageTransitionEvent).persisted && needs.returned());
  on(document, "visibilitychange", () => {
    if (!document?.hidden) touched();
    needs.changed();
  });

  const clock = setInterval(() => {
    const slept = Date.now() - looked > SLEPT;
    looked = Date.now();
    if (slept) needs.changed();
  }, TICK);

  return () => {
    listening.abort();
    clearInterval(clock);
  };
}

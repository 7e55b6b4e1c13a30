// Several tabs of one login and one connection: whoever gets the lock holds it, the others talk to that tab by a
// channel. When the tab goes, however it goes, the browser gives the lock to the next.
//
// Each tab also holds a lock of its own for as long as it lives, so that the holder of the connection notices who is
// gone and wants nothing any more.

/** What of the browser tabs need to find each other. */
export interface Meeting {
  readonly locks: LockManager;
  readonly Channel: typeof BroadcastChannel;
}

export interface TabsNeeds {
  /** Of one service and one login: tabs of another never meet these. */
  readonly name: string;
  readonly tab: string;
  /** This tab can be heard by others, and be followed. */
  ready(): void;
  /** This tab is to hold the connection. */
  lead(): void;
  /** Something was said by another tab. */
  heard(message: unknown): void;
}

export interface Tabs {
  /** Says something to all other tabs. */
  say(message: unknown): void;
  /** Calls back when a tab is gone. */
  follow(tab: string, gone: () => void): void;
  leave(): void;
}

export function joinTabs({ locks, Channel }: Meeting, needs: TabsNeeds): Tabs {
  const { name, tab } = needs;
  const channel = new Channel(name);
  const leaving = new AbortController();
  const { signal } = leaving;
  const held = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const ask = (lock: string, granted: () => unknown) => {
    locks.request(lock, { signal }, granted).catch((error) => {
      // A page that is not allowed locks goes on alone.
      if (!signal.aborted && error.name !== "AbortError") granted();
    });
  };

  channel.onmessage = ({ data }) => needs.heard(data);
  ask(name + tab, () => {
    needs.ready();
    return held;
  });
  ask(name, () => {
    needs.lead();
    return held;
  });

  return {
    say: (message) => channel.postMessage(message),
    follow: (other, gone) => ask(name + other, gone),
    leave() {
      leaving.abort();
      channel.close();
    },
  };
}

// Several tabs of one login and one connection: whoever gets the lock holds it, the others talk to that tab by a
// channel. When the tab goes, however it goes, the browser gives the lock to the next.
//
// Each tab also holds a lock of its own for as long as it lives, so that the holder of the connection notices who is
// gone and wants nothing any more.

export interface Tabs {
  /** Says something to all other tabs. */
  say(message: unknown): void;
  /** Calls back when a tab is gone. */
  follow(tab: string, gone: () => void): void;
  end(): void;
}

/** Joins the tabs of a name. `ready`: this tab can be followed. `lead`: it is to hold the connection. */
export function joinTabs(
  locks: LockManager,
  channel: BroadcastChannel,
  tab: string,
  ready: () => void,
  lead: () => void,
  heard: (message: never) => void,
): Tabs {
  const { name } = channel;
  const leaving = new AbortController();
  const { signal } = leaving;
  const ask = (lock: string, granted: () => void, isKept = true) =>
    locks
      .request(lock, { signal }, () => {
        granted();
        return (
          isKept &&
          new Promise<void>((release) => signal.addEventListener("abort", () => release()))
        );
      })
      // A page that is not allowed locks goes on alone.
      .catch(() => signal.aborted || (isKept && granted()));

  channel.onmessage = ({ data }) => heard(data as never);
  ask(name + tab, ready);
  ask(name, lead);

  return {
    say: (message) => channel.postMessage(message),
    follow: (other, gone) => void ask(name + other, gone, false),
    end() {
      leaving.abort();
      channel.close();
    },
  };
}

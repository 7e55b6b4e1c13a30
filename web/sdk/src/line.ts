// The one connection that all tabs of a login share, in the tab that holds it: by a socket if it can, else by heartbeats
// over HTTP; lost and made again for as long as the service allows it.
//
// Tabs say what they want and when somebody is active; what the service tells is passed on to all of them.

import { createBackoff } from "./backoff.js";
import { Failure, failureOf, STOPS_ALL } from "./failure.js";
import type { Call } from "./http.js";
import { startPolling } from "./polling.js";
import { type Ending, openSocket } from "./socket.js";
import type { Tokens } from "./token.js";
import type { Activity, Heard, Identity, Transport } from "./transport.js";
import type { Own, SocketClass, State } from "./types.js";
import { ORG, ROOM, union, type Want } from "./wants.js";

/** A connection that lasted this long was a good one, ms: the next try comes soon. */
const GOOD = 10_000;
/** After so many sockets in a row that came to nothing, HTTP is tried. */
const ENOUGH = 2;
/** While HTTP works, a socket is tried this often, ms. */
const PROBE_EVERY = 120_000;

export interface LineNeeds {
  readonly url: string;
  readonly SocketClass: SocketClass | null | undefined;
  readonly tokens: Tokens;
  readonly call: Call;
  readonly idleAfter: number;
  /** When somebody was last active in this tab, ms. */
  activeAt(): number;
  identity(): Identity;
  rename(session: string): void;
  isHidden(): boolean;
  tell(kind: string, data?: unknown, tab?: string): void;
  /** What is known of these, for a tab that has just asked for them. */
  recall(names: string[]): Heard;
  /** A tab speaks that was not known; the line hears `bye` when it is gone. */
  follow(tab: string): void;
  /** This tab cannot go on. */
  lost(failure: Failure): void;
}

export interface Line {
  /** A tab says something. */
  hear(tab: string, kind: string, data?: unknown): void;
  /** The page is seen again, the network is back, the machine woke: look whether all is well. */
  wake(): void;
  /** Whether some tab wants to know this. */
  keeps(name: string): boolean;
  /** Ends the line; `isGoodbye`: and the session, unless another line goes on with it. */
  stop(isGoodbye: boolean): unknown;
}

export function startLine(needs: LineNeeds): Line {
  const { tokens, tell, SocketClass } = needs;
  const tabs = new Map<string, Want>();
  const pause = createBackoff();
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let own: Own | undefined;
  let sent: Want = new Map();
  let isBroad = false;
  let transport: Transport | undefined;
  let probe: Transport | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let renewal: ReturnType<typeof setTimeout> | undefined;
  let idling: ReturnType<typeof setTimeout> | undefined;
  let activeAt = needs.activeAt();
  let isIdle = Date.now() - activeAt >= needs.idleAfter;
  let isRefused = false;
  let failedSockets = 0;
  let probeAt = 0;
  let welcomedAt = 0;
  let earliest = 0;
  let isOver = false;

  const set = (next: State, why?: string) => {
    if (state === next && reason === why) return;
    state = next;
    reason = why;
    tell("state", { state, reason });
  };

  const complain = ({ code, message }: Failure) => tell("error", { code, detail: message });

  const idleFor = () => Math.max(0, Date.now() - activeAt);
  const activity = (): Activity =>
    isIdle ? { activity: "idle", idle_ms: idleFor() } : { activity: "active", idle_ms: 0 };
  const watchIdle = () => {
    clearTimeout(idling);
    const left = needs.idleAfter - idleFor();
    if (left > 0) idling = setTimeout(watchIdle, left);
    else if (!isIdle) {
      isIdle = true;
      transport?.beat();
    }
  };
  const active = (at: number) => {
    activeAt = Math.max(activeAt, at);
    if (idleFor() >= needs.idleAfter) return;
    const was = isIdle;
    isIdle = false;
    watchIdle();
    if (was) transport?.beat();
  };

  const wanted = () =>
    union(tabs.values(), () =>
      tell("error", { code: "too_many", detail: "one connection watches at most 1000 people" }),
    );
  const sync = () => {
    const all = wanted();
    const added = new Map([...all].filter(([name, grant]) => sent.get(name) !== grant));
    const dropped = [...sent.keys()].filter((name) => !all.has(name));
    sent = all;
    isBroad = [...all.keys()].some((name) => name[0] === ORG || name[0] === ROOM);
    if (added.size || dropped.length) transport?.change(added, dropped);
  };

  const tellOwn = (next: Own) => {
    if (JSON.stringify(next) === JSON.stringify(own)) return;
    own = next;
    tell("status", own);
  };
  const learn = (id: string) => {
    user = id;
    tell("user", id);
  };

  const heard = (frame: Heard) => {
    if (isOver) return;
    if (frame.type === "pong") {
      const { status, since, last_seen } = frame;
      if (!user && state === "polling") tellOwn({ status, since, last_seen });
    } else if (frame.type === "error") tell("error", { code: frame.code, detail: frame.detail });
    else if (frame.type !== "welcome" && frame.type !== "goodbye") tell("frame", frame);
  };

  const renewLater = () => {
    clearTimeout(renewal);
    renewal = setTimeout(async () => {
      try {
        transport?.renew(await tokens.get());
      } catch (error) {
        const failure = failureOf(error, "token_failed");
        if (failure.stops) return give(failure);
        // The socket lives as long as the token that it has.
        complain(failure);
      }
      renewLater();
    }, tokens.left());
  };

  const give = (failure: Failure) => {
    if (!isOver) needs.lost(failure);
  };

  const retry = (after: number, why?: string) => {
    if (isOver) return;
    set("waiting", why);
    earliest = Date.now() + after;
    clearTimeout(timer);
    timer = setTimeout(attempt, after + pause.next());
  };

  const welcomed = (socket: Transport, frame: Heard) => {
    needs.rename(frame.session);
    if (transport === socket) return;
    transport?.close(false);
    transport = socket;
    probe = undefined;
    failedSockets = 0;
    welcomedAt = Date.now();
    sent = new Map();
    learn(frame.user);
    set("live");
    sync();
    renewLater();
  };

  const closed = ({ code, reason: why, after, wasWelcome }: Ending) => {
    probe = undefined;
    isRefused = code === 4401;
    if (code === 4403 || code === 4409) {
      const detail = code === 4403 ? "account_inactive" : "login_ended";
      return give(new Failure(why || detail, detail, 0, STOPS_ALL));
    }
    if (!wasWelcome) {
      if (!isRefused) failedSockets++;
      probeAt = Date.now() + PROBE_EVERY;
      // Heartbeats over HTTP went on meanwhile.
      if (transport) return;
      if (failedSockets >= ENOUGH) return poll();
    } else {
      transport = undefined;
      if (Date.now() - welcomedAt > GOOD) pause.reset();
    }
    retry(after, why);
  };

  const dial = () => {
    if (!SocketClass) return poll();
    try {
      const socket = openSocket({
        url: needs.url,
        SocketClass,
        token: tokens.last(),
        identity: needs.identity(),
        activity,
        wanted: () => sent,
        heard(frame) {
          if (isOver) return;
          if (frame.type === "welcome") welcomed(socket, frame);
          else heard(frame);
        },
        closed(ending) {
          if (!isOver) closed(ending);
        },
      });
      probe = socket;
    } catch {
      // The page's policy forbids sockets, say.
      failedSockets = ENOUGH;
      probeAt = Date.now() + PROBE_EVERY;
      if (!transport) poll();
    }
  };

  const poll = () => {
    clearTimeout(renewal);
    sent = wanted();
    transport = startPolling({
      call: needs.call,
      identity: needs.identity(),
      activity,
      isHidden: needs.isHidden,
      wanted: () => sent,
      heard,
      answered() {
        pause.reset();
        set("polling");
        if (SocketClass && !probe && Date.now() >= probeAt) dial();
      },
      failed(failure) {
        transport = undefined;
        // If HTTP does not work, either, it was not the sockets' fault.
        failedSockets = 0;
        probe?.close(false);
        probe = undefined;
        if (failure.stops || failure.code.startsWith("token_")) return give(failure);
        complain(failure);
        retry(failure.after, failure.code);
      },
    });
  };

  const attempt = async () => {
    set("connecting");
    try {
      await tokens.get(isRefused);
      isRefused = false;
    } catch (error) {
      return give(failureOf(error, "token_failed"));
    }
    if (isOver) return;
    if (failedSockets < ENOUGH || Date.now() >= probeAt) dial();
    else poll();
  };

  watchIdle();
  tell("ask");
  attempt();

  return {
    hear(tab, kind, data) {
      if (kind === "want") {
        const [want, ago] = data as [Want, number];
        const before = tabs.get(tab);
        tabs.set(tab, want);
        if (!before) {
          needs.follow(tab);
          tell("state", { state, reason }, tab);
          if (user) tell("user", user, tab);
          if (own) tell("status", own, tab);
        }
        const added = [...want.keys()].filter((name) => !before?.has(name) && sent.has(name));
        if (added.length) tell("frame", needs.recall(added), tab);
        active(Date.now() - ago);
        sync();
      } else if (kind === "active") active(Date.now());
      else if (kind === "typing") transport?.typing(...(data as [string, boolean]));
      else if (kind === "seen") {
        const view = data as Own;
        if (view.user_id && view.user_id !== user) learn(view.user_id);
        tell("frame", { type: "views", views: [view] });
      } else if (tabs.delete(tab)) sync();
    },
    wake() {
      if (transport) {
        probeAt = Math.min(probeAt, Date.now());
        transport.beat();
      } else if (state === "waiting") {
        clearTimeout(timer);
        timer = setTimeout(attempt, Math.max(0, earliest - Date.now()));
      }
    },
    keeps: (name) => isBroad || sent.has(name),
    stop(isGoodbye) {
      isOver = true;
      for (const running of [timer, renewal, idling]) clearTimeout(running);
      probe?.close(isGoodbye);
      return transport?.close(isGoodbye);
    },
  };
}

// The one connection that all tabs of a login share, in the tab that holds it: by a socket if it can, else by heartbeats
// over HTTP; lost and made again for as long as the service allows it.
//
// Tabs say what they want and when somebody is active; what the service tells is passed on to all of them.

import { createBackoff } from "./backoff.js";
import { endsTab, type Failure, failureOf } from "./failure.js";
import type { Call } from "./http.js";
import { startPolling } from "./polling.js";
import { openSocket } from "./socket.js";
import type { Tokens } from "./token.js";
import type { Frame, Transport, TransportNeeds } from "./transport.js";
import type { SocketClass, State } from "./types.js";
import { JOINED, USER, type Want } from "./wants.js";

/** How often clocks are looked at, ms. */
const TICK = 1_000;
/** A connection that lasted this long was a good one, ms: the next try comes soon. */
const GOOD = 10_000;
/** After so many sockets in a row that came to nothing, HTTP is tried. */
const ENOUGH = 2;
/** While HTTP works, a socket is tried this often, ms. */
const PROBE_EVERY = 120_000;
/** People whom one connection may watch by name. */
const MOST_USERS = 1_000;

export interface LineNeeds {
  readonly url: string;
  readonly Socket: SocketClass | null | undefined;
  readonly tokens: Tokens;
  readonly call: Call;
  /** After so many ms without input the user is idle. */
  readonly patience: number;
  identity: TransportNeeds["identity"];
  /** The service has given the session another name. */
  rename(session: string): void;
  isHidden(): boolean;
  /** Tells all tabs. */
  tell(frame: Frame): void;
  /** A tab speaks that was not known; `bye` is heard of it when it is gone. */
  follow(tab: string): void;
  /** This tab cannot go on. */
  lost(failure: Failure): void;
}

export interface Line {
  /** A tab says what it wants, and when somebody was active there, ms ago. */
  want(tab: string, want: Want | undefined, ago: number): void;
  bye(tab: string): void;
  typing(room: string, on: boolean): void;
  /** The page is shown or hidden, or the network is back: look whether all is well. */
  wake(): void;
  /** Ends the line; `isGoodbye`: and the session, unless another tab goes on with it. */
  stop(isGoodbye: boolean): unknown;
}

export function startLine(needs: LineNeeds, lastActive: number): Line {
  const { tokens, tell, Socket } = needs;
  const tabs = new Map<string, Want>();
  const pause = createBackoff();
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let sent: Want = new Map();
  /** The connection that works, and one that may come to work. */
  let transport: Transport | undefined;
  let coming: Transport | undefined;
  let token = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let activeAt = lastActive;
  let wasIdle = false;
  let isRefused = false;
  let failedSockets = 0;
  let probeAt = 0;
  let arrivedAt = 0;
  let earliest = 0;
  let isOver = false;

  const set = (next: State, why?: string) => {
    state = next;
    reason = why;
    tell({ type: "state", state, reason, user });
  };
  const complain = ({ code, message }: Failure) => tell({ type: "error", code, detail: message });
  const give = (error: unknown) => {
    if (!isOver) needs.lost(failureOf(error, "token_failed"));
  };

  const idleFor = () => Date.now() - activeAt;
  const isIdle = () => idleFor() >= needs.patience;
  const noteIdle = () => {
    if (wasIdle !== (wasIdle = isIdle())) transport?.beat();
  };

  const union = () => {
    const all: Want = new Map();
    let users = 0;
    for (const want of tabs.values())
      for (const [name, grant] of want)
        if (name[0] !== USER || all.has(name) || ++users <= MOST_USERS)
          all.set(name, grant || all.get(name) || "");
    if (users > MOST_USERS)
      tell({ type: "error", code: "too_many", detail: `at most ${MOST_USERS} people are watched` });
    return all;
  };
  /** Tells the service what has changed in what is wanted. `fresh` are to be shown again, to a tab that asks late. */
  const sync = (fresh: string[] = []) => {
    const all = union();
    const again = fresh.filter((name) => sent.has(name) && all.has(name));
    const dropped = [...sent.keys()].filter((name) => !all.has(name));
    const added = [...all].filter(
      ([name, grant]) => sent.get(name) !== grant || again.includes(name),
    );
    sent = all;
    if (added.length || dropped.length) transport?.change(new Map(added), [...dropped, ...again]);
  };

  const heard = (from: Transport, frame: Frame) => {
    if (isOver) return;
    if (frame.type === "welcome") {
      needs.rename(frame.session);
      user = frame.user;
      failedSockets = 0;
      if (from === coming) {
        transport?.close();
        transport = coming;
        coming = undefined;
        sent = new Map();
        sync();
      }
      arrived("live");
    } else if (frame.type === "pong" && state !== "live") {
      pause.reset();
      if (state !== "polling") arrived("polling");
      if (Date.now() >= probeAt) dial();
    }
    tell(frame);
  };
  const arrived = (next: State) => {
    arrivedAt = Date.now();
    set(next);
  };

  const ended = (from: Transport, failure: Failure) => {
    const { code, after } = failure;
    if (isOver) return;
    if (endsTab(code)) return give(failure);
    isRefused = code.startsWith("token_");
    if (from === coming) {
      coming = undefined;
      if (!isRefused) failedSockets++;
      probeAt = Date.now() + PROBE_EVERY;
      // Heartbeats over HTTP went on meanwhile.
      if (transport) return;
      if (failedSockets >= ENOUGH) return poll();
    } else {
      transport = undefined;
      // If HTTP does not work, either, it was not the sockets' fault.
      failedSockets = 0;
      if (state !== "connecting" && Date.now() - arrivedAt > GOOD) pause.reset();
    }
    complain(failure);
    set("waiting", code);
    earliest = Date.now() + after;
    timer = setTimeout(attempt, after + pause.next());
  };

  const ways: TransportNeeds = {
    identity: needs.identity,
    activity: () => (isIdle() ? { activity: "idle", idle_ms: idleFor() } : { activity: "active" }),
    wanted: () => sent,
    heard,
    ended,
  };
  const poll = () => {
    sent = union();
    transport = startPolling(needs.call, needs.isHidden, ways);
    transport.beat();
  };
  const dial = () => {
    if (!Socket) return transport || poll();
    token = tokens.last();
    try {
      coming ??= openSocket(needs.url, Socket, token, ways);
    } catch {
      // The page's policy forbids sockets, say.
      failedSockets = ENOUGH;
      probeAt = Number.POSITIVE_INFINITY;
      if (!transport) poll();
    }
  };
  const attempt = async () => {
    set("connecting");
    try {
      await tokens.get(isRefused);
    } catch (error) {
      return give(error);
    }
    if (isOver) return;
    isRefused = false;
    if (failedSockets < ENOUGH || Date.now() >= probeAt) dial();
    else poll();
  };

  const tick = async () => {
    const now = Date.now();
    noteIdle();
    coming?.tick(now);
    transport?.tick(now);
    if (state !== "live") return;
    try {
      const next = await tokens.get();
      if (next !== token) transport?.renew(next);
      token = next;
    } catch (error) {
      const failure = failureOf(error, "token_failed");
      // The connection lives as long as the token that it has.
      if (endsTab(failure.code)) give(failure);
      else complain(failure);
    }
  };

  const clock = setInterval(tick, TICK);
  wasIdle = isIdle();
  tell({ type: "ask" });
  attempt();

  return {
    want(tab, want, ago) {
      activeAt = Math.max(activeAt, Date.now() - ago);
      noteIdle();
      if (!want) return;
      const before = tabs.get(tab);
      tabs.set(tab, want);
      if (!before) {
        needs.follow(tab);
        set(state, reason);
      }
      sync([...want.keys()].filter((name) => name[0] !== JOINED && !before?.has(name)));
    },
    bye(tab) {
      if (tabs.delete(tab)) sync();
    },
    typing: (room, on) => transport?.typing(room, on),
    wake() {
      probeAt = 0;
      transport?.beat();
      if (state !== "waiting") return;
      clearTimeout(timer);
      timer = setTimeout(attempt, Math.max(0, earliest - Date.now()));
    },
    stop(isGoodbye) {
      isOver = true;
      clearInterval(clock);
      clearTimeout(timer);
      coming?.close(isGoodbye);
      return transport?.close(isGoodbye);
    },
  };
}

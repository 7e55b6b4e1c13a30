// The one connection that all tabs of a login share, in the tab that holds it: by a socket if it can, else by heartbeats
// over HTTP; lost and made again for as long as the service allows it.
//
// Tabs say what they want and when somebody is active; what the service tells is passed on to all of them.

import { backoff } from "./backoff.js";
import { endsTab, type Failure, failureOf } from "./failure.js";
import type { Call } from "./http.js";
import { startPolling } from "./polling.js";
import { openSocket } from "./socket.js";
import type { Tokens } from "./token.js";
import type { Frame, Transport, TransportNeeds } from "./transport.js";
import type { SocketClass, State } from "./types.js";
import { JOINED, type Want } from "./wants.js";

/** How often clocks are looked at, ms. */
const TICK = 1_000;
/** A connection that lasted this long was a good one, ms: the next try comes soon. */
const GOOD = 10_000;
/** After so many sockets in a row that came to nothing, HTTP is tried. */
const ENOUGH = 2;
/** While HTTP works, a socket is tried this often, ms. */
const PROBE_EVERY = 120_000;

export interface LineNeeds {
  readonly url: string;
  readonly Socket: SocketClass | null | undefined;
  readonly tokens: Tokens;
  readonly call: Call;
  /** After so many ms without input the user is idle. */
  readonly patience: number;
  /** When somebody was active in this tab, ms. */
  readonly activeAt: number;
  whoAmI: TransportNeeds["whoAmI"];
  /** The service has given the session this name. */
  rename(session: string): void;
  isHidden(): boolean;
  /** Tells all tabs. */
  tell(frame: Frame): void;
  /** A tab speaks that was not known; it is heard to want `null` when it is gone. */
  follow(tab: string): void;
  /** This tab cannot go on. */
  lost(failure: Failure): void;
}

/**
 * What a tab says: what it wants (`null`: nothing, it goes; `undefined`: as before), how many ms ago somebody was active in
 * it, and a frame for the service.
 */
export type Said = [tab: string, want?: Want | null | undefined, ago?: number, frame?: Frame];

export interface Line {
  said(...said: Said): void;
  /** The page is shown or hidden, or the network is back: look whether all is well. */
  wake(): void;
  /** Ends the line; `isGoodbye`: and the session, unless another tab goes on with it. */
  stop(isGoodbye: boolean): unknown;
}

export function startLine(needs: LineNeeds): Line {
  const { tokens, tell, Socket } = needs;
  const tabs = new Map<string, Want>();
  let { activeAt } = needs;
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let sent: Want = new Map();
  /** The connection that works, and one that may come to work. */
  let transport: Transport | undefined;
  let coming: Transport | undefined;
  let token = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wasIdle = false;
  let isRefused = false;
  let failures = 0;
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

  const howAmI = () => {
    const idle_ms = Date.now() - activeAt;
    return idle_ms < needs.patience ? { activity: "active" } : { activity: "idle", idle_ms };
  };
  const noteIdle = () => {
    const isIdle = "idle_ms" in howAmI();
    if (wasIdle !== isIdle) transport?.beat();
    wasIdle = isIdle;
  };

  /** Tells the service what has changed in what is wanted. `fresh` is to be shown again, to a tab that asks late. */
  const sync = (fresh: string[] = []) => {
    const all: Want = new Map();
    for (const want of tabs.values())
      for (const [name, grant] of want) all.set(name, grant || all.get(name) || "");
    const again = fresh.filter((name) => sent.has(name));
    const gone = [...sent.keys()].filter((name) => !all.has(name));
    const added = [...all].filter(
      ([name, grant]) => sent.get(name) !== grant || again.includes(name),
    );
    sent = all;
    transport?.change(new Map(added), [...gone, ...again]);
  };

  const arrived = (next: State) => {
    arrivedAt = Date.now();
    set(next);
  };
  const welcomed = (socket: Transport, frame: Frame) => {
    needs.rename(frame.session);
    user = frame.user;
    failedSockets = 0;
    if (socket === coming) {
      transport?.end();
      transport = socket;
      coming = undefined;
      sent = new Map();
      sync();
    }
    arrived("live");
  };
  const beaten = () => {
    if (state === "live") return;
    failures = 0;
    if (state !== "polling") arrived("polling");
    if (Date.now() >= probeAt) dial();
  };

  /** Waits for another try; the answer is longer away the more have failed. */
  const retry = (failure: Failure) => {
    const { code, after } = failure;
    if (state !== "connecting" && Date.now() - arrivedAt > GOOD) failures = 0;
    complain(failure);
    set("waiting", code);
    earliest = Date.now() + after;
    timer = setTimeout(attempt, after + backoff(failures++));
  };
  const ended = (from: Transport, failure: Failure) => {
    if (isOver) return;
    if (endsTab(failure.code)) return give(failure);
    isRefused = failure.code.startsWith("token_");
    if (from !== coming) {
      transport = undefined;
      // If HTTP does not work, either, it was not the sockets' fault.
      failedSockets = 0;
      return retry(failure);
    }
    coming = undefined;
    probeAt = Date.now() + PROBE_EVERY;
    if (!isRefused) failedSockets++;
    // Heartbeats over HTTP went on meanwhile, or may do better.
    if (transport) return;
    if (failedSockets < ENOUGH) retry(failure);
    else poll();
  };

  const ways: TransportNeeds = {
    whoAmI: needs.whoAmI,
    howAmI,
    wanted: () => sent,
    heard(from, frame) {
      if (isOver) return;
      if (frame.type === "welcome") welcomed(from, frame);
      if (frame.type === "pong") beaten();
      tell(frame);
    },
    ended,
  };
  const poll = () => {
    transport = startPolling(needs.call, needs.isHidden, ways);
    transport.beat();
  };
  const dial = () => {
    token = tokens.last();
    try {
      if (Socket) coming ??= openSocket(needs.url, Socket, token, ways);
    } catch {
      // The page's policy forbids sockets, say.
    }
    if (!coming && !transport) poll();
  };
  const attempt = async () => {
    set("connecting");
    try {
      await tokens.get(isRefused);
    } catch (error) {
      return give(error);
    }
    isRefused = false;
    if (isOver) return;
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
      if (next !== token) transport?.say("hello", { token: next });
      token = next;
    } catch (error) {
      // The connection lives as long as the token that it has.
      if (endsTab((error as Failure).code)) give(error);
      else complain(error as Failure);
    }
  };

  const clock = setInterval(tick, TICK);
  noteIdle();
  tell({ type: "ask" });
  attempt();

  return {
    said(tab, want, ago = Number.POSITIVE_INFINITY, frame) {
      activeAt = Math.max(activeAt, Date.now() - ago);
      noteIdle();
      if (frame) transport?.say(frame.type, frame);
      if (want) {
        const before = tabs.get(tab);
        tabs.set(tab, want);
        if (!before) {
          needs.follow(tab);
          set(state, reason);
        }
        sync([...want.keys()].filter((name) => name[0] !== JOINED && !before?.has(name)));
      } else if (want === null && tabs.delete(tab)) sync();
    },
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
      coming?.end(isGoodbye);
      return transport?.end(isGoodbye);
    },
  };
}

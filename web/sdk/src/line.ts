// The one connection that all tabs of a login share, in the tab that holds it: by a socket if it can, else by heartbeats
// over HTTP; lost and made again for as long as the service allows it.
//
// Tabs say what they want and when somebody is active; what the service tells is passed on to all of them.

import { backoff } from "./backoff.js";
import { type Connection, connectBy } from "./connection.js";
import { type Failure, isFinal } from "./failure.js";
import type { Tokens } from "./token.js";
import type { State } from "./types.js";
import { JOINED, type Want } from "./wants.js";
import type { Frame, OpenWire } from "./wire.js";

/** How often clocks are looked at, ms. */
const TICK = 1_000;
/** A connection that lasted this long was a good one, ms: the next try comes soon. */
const GOOD = 10_000;
/** After so many sockets in a row that came to nothing, HTTP is tried. */
const ENOUGH = 2;
/** While HTTP works, a socket is tried this often, ms. */
const PROBE_EVERY = 120_000;

export interface LineNeeds {
  readonly socket: OpenWire;
  readonly polling: OpenWire;
  readonly tokens: Tokens;
  /** After so many ms without input the user is idle. */
  readonly patience: number;
  /** When somebody was active in this tab, ms. */
  readonly activeAt: number;
  /** Which session the line holds: `session`, `connection`, `device`. */
  whoAmI(): object;
  /** The service has given the session this name. */
  rename(session: string): void;
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
  const { tokens, tell } = needs;
  const tabs = new Map<string, Want>();
  let { activeAt } = needs;
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let sent: Want = new Map();
  /** The connection that works, and one that may come to work. */
  let present: Connection | undefined;
  let coming: Connection | undefined;
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
  const complain = (failure: Failure) => tell({ type: "error", ...failure });
  const give = (failure: Failure) => {
    if (!isOver) needs.lost(failure);
  };

  const howAmI = () => {
    const idle_ms = Date.now() - activeAt;
    const isIdle = idle_ms >= needs.patience;
    return { activity: isIdle ? "idle" : "active", idle_ms: isIdle ? idle_ms : undefined };
  };
  const noteIdle = () => {
    const isIdle = !!howAmI().idle_ms;
    if (wasIdle !== isIdle) present?.beat();
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
    present?.change(new Map(added), [...gone, ...again]);
  };

  /** A connection works. */
  const arrived = (from: Connection, next: State) => {
    if (from === coming) {
      present?.end();
      present = coming;
      coming = undefined;
      sent = new Map();
      sync();
    }
    arrivedAt = Date.now();
    set(next);
  };
  const heard = (from: Connection, frame: Frame) => {
    const { type } = frame;
    if (type === "welcome") {
      needs.rename(frame.session);
      user = frame.user;
      failedSockets = 0;
      arrived(from, "live");
    } else if (type === "pong" && state !== "live") {
      failures = 0;
      if (state !== "polling") arrived(from, "polling");
      if (Date.now() >= probeAt) dial(true);
    }
    tell(frame);
  };

  /** Waits for another try, the longer the more have failed. */
  const retry = (failure: Failure) => {
    const { code, after } = failure;
    if (state !== "connecting" && Date.now() - arrivedAt > GOOD) failures = 0;
    complain(failure);
    set("waiting", code);
    earliest = Date.now() + after;
    timer = setTimeout(attempt, after + backoff(failures++));
  };
  const lost = (from: Connection, failure: Failure, isSocket: boolean) => {
    if (isFinal(failure.code)) return give(failure);
    isRefused = failure.code.startsWith("token_");
    // If HTTP does not work, either, it was not the sockets' fault.
    if (!isSocket) failedSockets = 0;
    else if (from === coming) {
      probeAt = Date.now() + PROBE_EVERY;
      if (!isRefused) failedSockets++;
    }
    if (from === coming) coming = undefined;
    else present = undefined;
    // The other one goes on, heartbeats over HTTP while a socket is tried.
    if (present || coming) return;
    if (failedSockets < ENOUGH) retry(failure);
    else dial(false);
  };
  const dial = (isSocket: boolean) => {
    token = tokens.token;
    try {
      coming ??= connectBy(isSocket ? needs.socket : needs.polling, {
        hello: () => ({ token, ...needs.whoAmI(), ...howAmI() }),
        howAmI,
        heard,
        lost: (from, failure) => lost(from, failure, isSocket),
      });
    } catch {
      // There are none here, or the page's policy forbids them.
      probeAt = Number.POSITIVE_INFINITY;
      if (!present) dial(false);
    }
  };
  const attempt = async () => {
    set("connecting");
    try {
      await tokens.get(isRefused);
    } catch (failure) {
      return give(failure as Failure);
    }
    isRefused = false;
    if (isOver) return;
    dial(probeAt < Number.POSITIVE_INFINITY && (failedSockets < ENOUGH || Date.now() >= probeAt));
  };

  const tick = () => {
    const now = Date.now();
    noteIdle();
    coming?.tick(now);
    present?.tick(now);
    if (state === "live")
      tokens.get().then(
        (next) => {
          if (next !== token) present?.say({ type: "hello", token: next });
          token = next;
        },
        // The connection lives as long as the token that it has.
        (failure) => isFinal(failure.code) && give(failure),
      );
  };

  const clock = setInterval(tick, TICK);
  noteIdle();
  tell({ type: "ask" });
  attempt();

  return {
    said(tab, want, ago = Number.POSITIVE_INFINITY, frame) {
      activeAt = Math.max(activeAt, Date.now() - ago);
      noteIdle();
      if (frame) present?.say(frame);
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
      present?.beat();
      if (state !== "waiting") return;
      clearTimeout(timer);
      timer = setTimeout(attempt, Math.max(0, earliest - Date.now()));
    },
    stop(isGoodbye) {
      isOver = true;
      clearInterval(clock);
      clearTimeout(timer);
      coming?.end(isGoodbye);
      return present?.end(isGoodbye);
    },
  };
}

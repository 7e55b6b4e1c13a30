// The one connection that all tabs of a login share, in the tab that holds it: by a socket if one can be opened, else by
// heartbeats over HTTP; lost and made again for as long as the service allows it.
//
// Tabs say what they want and when somebody is active; what the service tells is passed on to all of them.

import { backoff } from "./backoff.js";
import { type Connection, connectBy } from "./connection.js";
import { type Failure, isFinal } from "./failure.js";
import type { Tokens } from "./token.js";
import type { Rollcall, State } from "./types.js";
import type { Want } from "./wants.js";
import type { Frame, OpenWire } from "./wire.js";

/** How often clocks are looked at, ms. */
const TICK = 500;
/** A socket that has lived for so long was a good one, ms: the next try after it comes soon. */
const GOOD = 10_000;
/** While HTTP works, a socket is tried this often, ms. */
const PROBE_EVERY = 20_000;

export interface LineNeeds {
  readonly socket: OpenWire;
  readonly polling: OpenWire;
  readonly tokens: Tokens;
  /** How the tab stands, as told last. */
  readonly shown: Pick<Rollcall, "state" | "reason" | "user">;
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
  /** A tab speaks that was not known; it is heard to want nothing when it is gone. */
  follow(tab: string): void;
  /** This tab cannot go on. */
  lost(failure: Failure): void;
}

/**
 * What a tab says: what it wants (all of it; nothing when it goes), if that has changed; how many ms ago somebody was active
 * in it; and a frame for the service.
 */
export type Said = [tab: string, wants?: Want | undefined, ago?: number, frame?: Frame];

export interface Line {
  said(...said: Said): void;
  /** The page is shown or hidden, or the network is back: look whether all is well. */
  wake(): void;
  /** Ends the line; `isGoodbye`: and the session, unless another tab goes on with it. */
  stop(isGoodbye: boolean): unknown;
}

export function startLine(needs: LineNeeds): Line {
  const { tokens, tell, shown } = needs;
  const tabs = new Map<string, Want>();
  let { activeAt } = needs;
  /** The connection that works, and one that may come to work. */
  let present: Connection | undefined;
  let coming: Connection | undefined;
  let token = "";
  let isRefused = false;
  let failures = 0;
  let probeAt = 0;
  /** While waiting: not to be tried before. While live: good from then on. */
  let earliest = 0;
  let retryAt = 0;
  let isOver = false;

  const set = (state: State, reason?: string, user = shown.user) =>
    tell({ type: "state", state, reason, user });
  const give = (failure: Failure) => {
    if (!isOver) needs.lost(failure);
  };

  const howAmI = () => {
    const idle_ms = Date.now() - activeAt;
    const isIdle = idle_ms >= needs.patience;
    return { activity: isIdle ? "idle" : "active", idle_ms: isIdle ? idle_ms : undefined };
  };

  /** What the service was told last. */
  let told = howAmI().activity;

  /** A tab wants this from now on. What is new to it is asked for also where others have it, so that it is told anew. */
  const want = (tab: string, next: Want) => {
    const before = tabs.get(tab);
    if (!next.size) tabs.delete(tab);
    else {
      tabs.set(tab, next);
      if (!before) needs.follow(tab);
    }
    const isWanted = (name: string) => [...tabs.values()].some((all) => all.has(name));
    present?.change(
      new Map([...next].filter(([name, grant]) => before?.get(name) !== grant)),
      [...(before ?? next).keys()].filter((name) => !isWanted(name)),
    );
  };

  /** A connection works. */
  const arrived = (from: Connection, next: State, user?: string) => {
    if (from === coming) {
      present?.end();
      present = coming;
      coming = undefined;
      present.change(new Map([...tabs.values()].flatMap((all) => [...all])), []);
      earliest = Date.now() + GOOD;
    }
    set(next, undefined, user);
  };
  const heard = (from: Connection, frame: Frame) => {
    const { type } = frame;
    if (type === "welcome") {
      needs.rename(frame.session);
      arrived(from, "live", frame.user);
    } else if (type === "pong" && shown.state !== "live") {
      failures = 0;
      if (shown.state !== "polling") arrived(from, "polling");
      if (Date.now() >= probeAt) dial(true);
    }
    tell(frame);
  };

  /** Waits for another try, the longer the more have failed. */
  const retry = (failure: Failure) => {
    const { code, after } = failure;
    tell({ type: "error", ...failure });
    set("waiting", code);
    earliest = Date.now() + after;
    retryAt = earliest + backoff(failures++);
  };
  const lost = (from: Connection, failure: Failure, isSocket: boolean) => {
    const { code } = failure;
    const isNew = from === coming;
    if (isFinal(code)) return give(failure);
    isRefused = code.startsWith("token_");
    if (isNew) {
      coming = undefined;
      probeAt = Date.now() + PROBE_EVERY;
    } else present = undefined;
    // The other one goes on: heartbeats over HTTP, while a socket is tried.
    if (present || coming) return;
    if (isNew && isSocket && !isRefused) dial(false);
    else retry(failure);
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
      probeAt = Infinity;
      if (!present) dial(false);
    }
  };
  const attempt = () => {
    set("connecting");
    tokens.get(isRefused).then(() => {
      isRefused = false;
      if (!isOver) dial(true);
    }, give);
  };

  const tick = () => {
    const now = Date.now();
    const { activity } = howAmI();
    if (told !== activity) present?.beat();
    told = activity;
    coming?.tick(now);
    present?.tick(now);
    if (shown.state === "waiting" && now >= retryAt) attempt();
    if (shown.state !== "live") return;
    if (now > earliest) failures = 0;
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
  tell({ type: "ask" });
  attempt();

  return {
    said(tab, wants, ago = Infinity, frame) {
      activeAt = Math.max(activeAt, Date.now() - ago);
      if (frame) present?.say(frame);
      if (!wants) return;
      if (!tabs.has(tab)) set(shown.state, shown.reason);
      want(tab, wants);
    },
    wake() {
      probeAt = 0;
      present?.beat();
      retryAt = earliest;
    },
    stop(isGoodbye) {
      isOver = true;
      clearInterval(clock);
      coming?.end();
      return present?.end(isGoodbye);
    },
  };
}

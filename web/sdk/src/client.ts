// One connection as an application has it, and this tab's part in the one that all tabs share (tabs.ts, line.ts).

import { backoff } from "./backoff.js";
import { createBook, type Emit, type Watcher } from "./book.js";
import { type Failure, failureOf, isFinal, safely } from "./failure.js";
import { createCall } from "./http.js";
import { type Line, type Said, startLine } from "./line.js";
import { type Scope, watchPage } from "./page.js";
import { pollingBy } from "./polling.js";
import { socketTo } from "./socket.js";
import { joinTabs, type Tabs } from "./tabs.js";
import { createTokens } from "./token.js";
import type { Options, Rollcall, SocketClass, State } from "./types.js";
import { JOINED, USER, type Want, wantOf } from "./wants.js";
import type { Frame } from "./wire.js";

/** How often a token could not be fetched, as far as waiting goes: up to 8 s. */
const AGAIN = 4;
/** Without input for so long somebody is idle, ms. */
const PATIENCE = 300_000;

/** A name that nobody else has, of at most 32 characters: of a tab, a session, a connection. */
const random = () => crypto.getRandomValues(new Uint32Array(3)).join("-");

export function createClient(options: Options, scope: Scope): Rollcall {
  const { document } = scope;
  const device = options.device ?? (document && "web");
  const base = `${options.url || scope.location?.origin}`.replace(/\/+$/, "");
  const tab = random();
  const tokens = createTokens(options.token);
  const closing = new AbortController();
  const listeners = new Set<readonly [name: string, callback: (event: never) => void]>();
  let line: Line | undefined;
  let tabs: Tabs | undefined;
  let activeAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAnnouncing = false;
  let round = 0;
  let { session } = options;

  const emit: Emit = (name, event) => {
    for (const [wanted, callback] of listeners)
      if (wanted === name) safely(callback as (given: typeof event) => void, event);
  };
  const set = (next: State, why?: string) => {
    if (rc.state === next && rc.reason === why) return;
    rc.state = next;
    rc.reason = why;
    emit("state", { state: next, reason: why });
  };
  const book = createBook(emit);

  // Between this tab and the line, here or in another tab: what it wants, and what it is told.

  const say = (...said: Said) => (line ? line.said(...said) : tabs?.say(said));
  /** Says once what this tab wants, however often that has just changed. */
  const announce = () => {
    if (isAnnouncing) return;
    isAnnouncing = true;
    queueMicrotask(() => {
      isAnnouncing = false;
      const want = book.wanted();
      if (rc.user) want.set(USER + rc.user, "");
      say(tab, want, Date.now() - activeAt);
      book.prune();
    });
  };
  const stand = (frame: Frame) => {
    if (rc.user !== frame.user) announce();
    rc.user = frame.user;
    set(frame.state, frame.reason);
  };
  const hear = (frame: Frame) => {
    const { type } = frame;
    if (type === "ask") announce();
    else if (type === "state") stand(frame);
    else if (type === "error") emit("error", frame as never);
    else if (type !== "pong") book.heard(frame, rc.user);
    else if (frame.since && !rc.user) emit("status", frame as never);
  };
  const tell = (frame: Frame) => {
    tabs?.say(frame);
    hear(frame);
  };
  const heard = (message: Said | Frame) =>
    "type" in message ? hear(message) : line?.said(...message);

  const call = createCall(base, tokens, (...request) => (options.fetch ?? fetch)(...request));
  /** What the browser keeps for this page, if it does. */
  const stored = (act: (storage: Storage, place: string) => void) => {
    try {
      const storage = options.storage ?? (tabs ? scope.localStorage : scope.sessionStorage);
      act(storage as Storage, `rollcall ${base} ${tokens.owner}`);
    } catch {
      // Nothing is kept.
    }
  };
  /** The session's name, which lives longer than the page, so that a reload is nobody's news. `given`: it is this now. */
  const rename = (given = session) => {
    session = given;
    stored((storage, place) => {
      session ??= storage.getItem(place) ?? undefined;
    });
    const name = session ?? random();
    session = name;
    stored((storage, place) => storage.setItem(place, name));
    return name;
  };

  // Beginning and end.

  const lead = () => {
    const connection = random();
    line = startLine({
      socket: socketTo(
        `${base.replace(/^http/, "ws")}/api/presence/live/`,
        (options.WebSocket === undefined ? scope.WebSocket : options.WebSocket) as SocketClass,
      ),
      polling: pollingBy(call, () => !!document?.hidden),
      tokens,
      shown: rc,
      patience: options.idleAfter ?? PATIENCE,
      activeAt,
      whoAmI: () => ({ session: rename(), connection, device }),
      rename,
      tell,
      follow: (other) => other !== tab && tabs?.follow(other, () => line?.said(other, new Map())),
      lost,
    });
  };
  /** Begins with the other tabs of the login, or alone where they cannot be found. */
  const begin = (failure?: Failure) => {
    if (failure) return lost(failure);
    const { login } = tokens;
    const { BroadcastChannel: Channel, navigator } = scope;
    const locks = options.tabs !== false && login && Channel && navigator?.locks;
    if (!locks) return lead();
    tabs = joinTabs(locks, new Channel(`rollcall ${base} ${login}`), tab, announce, lead, heard);
  };
  const start = () => {
    const mine = ++round;
    if (rc.state === "stopped") return;
    set("connecting");
    const unlessLeft = (failure?: Failure) => mine === round && begin(failure);
    tokens.get().then(() => unlessLeft(), unlessLeft);
  };
  const leave = (isGoodbye = false) => {
    round++;
    clearTimeout(timer);
    // A line of its own has nothing to undo: another tab goes on with it, or the session ends.
    if (!line) say(tab, new Map());
    const said = line?.stop(isGoodbye);
    tabs?.end();
    line = tabs = undefined;
    return said;
  };
  const halt = (why?: string, isGoodbye?: boolean) => {
    // Whoever uses the browser next need not know who did before.
    stored((storage, place) => storage.removeItem(place));
    const said = leave(isGoodbye);
    closing.abort();
    set("stopped", why);
    return said;
  };
  const lost = (failure: Failure) => {
    const { code, after } = failure;
    emit("error", failure);
    if (isFinal(code)) return void halt(code);
    leave();
    set("waiting", code);
    timer = setTimeout(start, after + backoff(AGAIN));
  };
  watchPage(
    scope,
    closing.signal,
    () => {
      activeAt = Date.now();
      say(tab, undefined, 0);
    },
    () => line?.wake(),
    () => leave(true),
    start,
  );
  const watch = (whom: Parameters<Rollcall["watch"]>[0], callback: Watcher, joined?: Want) => {
    try {
      const stop = book.follow(new Map([...(joined ?? []), ...wantOf(whom)]), callback);
      announce();
      return () => {
        stop();
        announce();
      };
    } catch (error) {
      emit("error", failureOf(error, "invalid_value"));
      return () => {};
    }
  };

  const rc: { -readonly [Name in keyof Rollcall]: Rollcall[Name] } = {
    state: "connecting",
    reason: undefined,
    user: undefined,
    watch,
    get: book.view,
    async setStatus(status, { text = null, emoji = null, expiresIn = null } = {}) {
      const words = status !== "online" && { text, emoji, expires_in_ms: expiresIn };
      tell({ type: "presence", ...(await call("PUT", "presence/status/", { status, ...words })) });
    },
    clearStatus: () => rc.setStatus("online"),
    join: (room, { grant = "" } = {}) =>
      watch({ rooms: [room] }, () => {}, new Map([[JOINED + room, grant]])),
    typing: (room, on = true) => void say(tab, undefined, 0, { type: "typing", room, on }),
    members: book.inside,
    on(name, callback) {
      const listener = [name, callback] as const;
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      await halt("closed", true);
    },
  };
  queueMicrotask(start);
  return rc;
}

// One connection as an application has it, and this tab's part in the one that all tabs share (tabs.ts, line.ts).

import { backoff } from "./backoff.js";
import { createBook, type Emit, type Watcher } from "./book.js";
import { endsLogin, endsTab, type Failure, failureOf, safely } from "./failure.js";
import { createCall } from "./http.js";
import { type Line, type Said, startLine } from "./line.js";
import { type Scope, watchPage } from "./page.js";
import { joinTabs, type Tabs } from "./tabs.js";
import { createTokens } from "./token.js";
import type { Frame } from "./transport.js";
import type { Options, Rollcall, State } from "./types.js";
import { JOINED, nameOf, namesOf, ROOM, USER, type Want } from "./wants.js";

/** Without input for so long somebody is idle, ms. */
const PATIENCE = 300_000;

/** A name that nobody else has: of a tab, a session, a connection. */
const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-").slice(0, 32);

export function createClient(options: Options, scope: Scope): Rollcall {
  const { document } = scope;
  const tab = random();
  const tokens = createTokens(options.token);
  const listeners = new Map<string, Set<(event: never) => void>>();
  const grants = new Map<string, string>();
  let line: Line | undefined;
  let tabs: Tabs | undefined;
  let activeAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAnnouncing = false;
  let failures = 0;
  let round = 0;
  let base = "";
  let { session } = options;

  const emit: Emit = (name, event) => {
    for (const listener of [...(listeners.get(name) ?? [])])
      safely(listener as (given: typeof event) => void, event);
  };
  const complain = ({ code, message }: Failure) => emit("error", { code, detail: message });
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
      const want: Want = new Map(rc.user ? [[USER + rc.user, ""]] : []);
      for (const name of book.names()) want.set(name, grants.get(name) ?? "");
      say(tab, want, Date.now() - activeAt);
      book.prune();
    });
  };
  const stand = (frame: Frame) => {
    if (frame.state === "stopped") return halt(frame.reason);
    if (rc.user !== frame.user) announce();
    rc.user = frame.user;
    set(frame.state, frame.reason);
  };
  const hear = (frame: Frame) => {
    const { type, code, detail, status, since, last_seen } = frame;
    if (type === "ask") announce();
    else if (type === "state") stand(frame);
    else if (type === "error") emit("error", { code, detail });
    else if (type !== "pong") book.heard(frame, rc.user);
    else if (since && !rc.user) emit("status", { status, since, last_seen });
  };
  const tell = (frame: Frame) => {
    tabs?.say(frame);
    hear(frame);
  };
  const heard = (message: Said | Frame) =>
    Array.isArray(message) ? line?.said(...(message as Said)) : hear(message as Frame);

  const call: ReturnType<typeof createCall> = (...request) =>
    createCall(base, tokens, options.fetch ?? fetch)(...request);
  const setStatus = async (method: string, body?: object) =>
    tell({ type: "presence", ...(await call(method, "presence/status/", body)) });

  /** Keeps the session's name longer than the page lives, so that a reload is nobody's news. */
  const keep = (name?: string) => {
    try {
      const place = `rollcall ${base} ${tokens.owner().user}`;
      const storage = options.storage ?? (tabs ? scope.localStorage : scope.sessionStorage);
      return name ? storage?.setItem(place, name) : storage?.getItem(place);
    } catch {
      // The browser keeps nothing for this page.
    }
  };
  const rename = (name: string) => {
    if (name !== session) keep(name);
    session = name;
  };

  // Beginning and end.

  const lead = () => {
    const connection = random();
    const device = options.device ?? (document && "web");
    line = startLine({
      url: `${base.replace(/^http/, "ws")}/api/presence/live/`,
      Socket: options.WebSocket === undefined ? scope.WebSocket : options.WebSocket,
      tokens,
      call,
      patience: options.idleAfter ?? PATIENCE,
      activeAt,
      whoAmI() {
        if (!session) rename(keep() || random());
        return { session, connection, device } as never;
      },
      rename,
      isHidden: () => !!document?.hidden,
      tell,
      follow: (other) => other !== tab && tabs?.follow(other, () => line?.said(other, null)),
      lost,
    });
  };
  const start = async () => {
    const mine = ++round;
    if (rc.state === "stopped") return;
    set("connecting");
    try {
      base = new URL(options.url || "/", scope.location?.href).href.replace(/\/+$/, "");
      await tokens.get();
    } catch (error) {
      if (mine === round) lost(failureOf(error, "invalid_value"));
    }
    if (mine !== round) return;
    const { login } = tokens.owner();
    const { BroadcastChannel: Channel, navigator } = scope;
    const locks = options.tabs !== false && login && document && Channel && navigator?.locks;
    if (locks)
      tabs = joinTabs(locks, new Channel(`rollcall ${base} ${login}`), tab, announce, lead, heard);
    else lead();
  };
  const leave = (isGoodbye = false) => {
    round++;
    clearTimeout(timer);
    // A line of its own has nothing to undo: another tab goes on with it, or the session ends.
    if (!line) say(tab, null);
    const said = line?.stop(isGoodbye);
    tabs?.end();
    line = tabs = undefined;
    return said;
  };
  const halt = (why?: string, isGoodbye?: boolean) => {
    const said = leave(isGoodbye);
    unlisten();
    set("stopped", why);
    return said;
  };
  const lost = (failure: Failure) => {
    const { code, after } = failure;
    complain(failure);
    if (endsLogin(code)) tabs?.say({ type: "state", state: "stopped", reason: code });
    if (endsTab(code)) return void halt(code);
    leave();
    set("waiting", code);
    timer = setTimeout(start, after + backoff(failures++));
  };
  const unlisten = watchPage(
    scope,
    () => {
      activeAt = Date.now();
      say(tab, undefined, 0);
    },
    () => line?.wake(),
    () => leave(true),
    start,
  );
  /** Watches whom `names` names, if all are names. */
  const watch = (names: () => string[], watcher: Watcher) => {
    try {
      const stop = book.follow(names(), watcher);
      announce();
      return () => {
        stop();
        announce();
      };
    } catch (error) {
      complain(failureOf(error, "invalid_value"));
      return () => {};
    }
  };

  const rc: { -readonly [Name in keyof Rollcall]: Rollcall[Name] } = {
    state: "connecting",
    reason: undefined,
    user: undefined,
    watch: (whom, callback) => watch(() => namesOf(whom), callback),
    get: book.view,
    setStatus: (status, { text = null, emoji = null, expiresIn = null } = {}) =>
      status === "online"
        ? rc.clearStatus()
        : setStatus("PUT", { status, text, emoji, expires_in_ms: expiresIn }),
    clearStatus: () => setStatus("DELETE"),
    join(room, { grant = "" } = {}) {
      grants.set(JOINED + room, grant);
      return watch(
        () => [JOINED + room, nameOf(ROOM, room)],
        () => {},
      );
    },
    typing: (room, on = true) => void say(tab, undefined, 0, { type: "typing", room, on }),
    members: book.inside,
    on(name, callback) {
      const all = listeners.get(name) ?? new Set();
      // One of its own, so that one that is added twice is called twice.
      const listener = (event: never) => callback(event);
      listeners.set(name, all.add(listener));
      return () => void all.delete(listener);
    },
    async close() {
      if (rc.state !== "stopped") await halt("closed", true);
    },
  };
  queueMicrotask(start);
  return rc;
}

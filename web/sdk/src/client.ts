// One connection as an application has it: whom it watches, what it is told, and the tab's part in the connection that
// all tabs share (tabs.ts) or that is its own.

import { createBackoff } from "./backoff.js";
import { createBook } from "./book.js";
import { Failure, failureOf, safely, STOPS_ALL, STOPS_TAB } from "./failure.js";
import { type Call, createCall } from "./http.js";
import { type Line, startLine } from "./line.js";
import { type Scope, watchPage } from "./page.js";
import { joinTabs, type Tabs } from "./tabs.js";
import { createTokens } from "./token.js";
import type { Heard } from "./transport.js";
import type { Events, Options, Rollcall, State, View } from "./types.js";
import { isName, JOINED, namesOf, ORG, ROOM, USER, type Want } from "./wants.js";

const IDLE_AFTER = 300_000;

/** A name that nobody else has: of a tab, a session, a connection. */
const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-").slice(0, 32);

type Watcher = (view: View) => void;
type Listener = (event: never) => void;

export function createClient(options: Options, scope: Scope): Rollcall {
  const { navigator, document } = scope;
  const device = options.device ?? (document ? "web" : undefined);
  const tab = random();
  const pause = createBackoff();
  const tokens = createTokens(options.token);
  const listeners = new Map<string, Set<Listener>>();
  const watchers = new Map<string, Set<Watcher>>();
  const grants = new Map<string, string>();
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let line: Line | undefined;
  let tabs: Tabs | undefined;
  let connection = "";
  let activeAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAnnouncing = false;
  let broad = 0;
  let round = 0;
  let base = "";
  let session = options.session ?? "";

  const emit = <Name extends keyof Events>(name: Name, event: Events[Name]) => {
    for (const listener of [...(listeners.get(name) ?? [])])
      safely(listener as (event: Events[Name]) => void, event);
  };
  const complain = ({ code, message }: Failure) => emit("error", { code, detail: message });
  const set = (next: State, why?: string) => {
    if (state === next && reason === why) return;
    state = next;
    reason = why;
    emit("state", { state, reason });
  };

  // What this tab wants and knows.

  const isBroad = (name: string) => name[0] === ORG || name[0] === ROOM;
  const wants = (name: string) => broad > 0 || watchers.has(name) || name === USER + user;
  const concerns = (name: string, id: string) =>
    name[0] === ORG || (name[0] === ROOM && book.members(name.slice(1))?.has(id));
  const changed = (view: View) => {
    const id = view.user_id;
    if (id === user) emit("status", view);
    if (!broad && !watchers.has(USER + id)) return;
    const told = new Set(watchers.get(USER + id));
    if (broad)
      for (const [name, callbacks] of watchers)
        if (concerns(name, id)) for (const callback of callbacks) told.add(callback);
    for (const callback of told) safely(callback, view);
    emit("presence", view);
  };
  const book = createBook({
    keeps: (name) => wants(name) || line?.keeps(name) || false,
    changed,
    counted: (counts) => watchers.has(ORG + counts.org) && emit("counts", counts),
    happened: (event) => watchers.has(ROOM + event.room) && emit("room", event),
  });
  const add = (names: string[], watcher: Watcher) => {
    for (const name of names) {
      if (!watchers.has(name)) watchers.set(name, new Set());
      watchers.get(name)?.add(watcher);
      if (isBroad(name)) broad++;
    }
    announce();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      for (const name of names) {
        const callbacks = watchers.get(name);
        callbacks?.delete(watcher);
        if (!callbacks?.size) watchers.delete(name);
        if (isBroad(name)) broad--;
      }
      announce();
    };
  };

  // Talk with the line, here or in another tab.

  const up = (kind: string, data?: unknown) => {
    if (line) line.hear(tab, kind, data);
    else tabs?.say([tab, kind, data]);
  };
  const down = (kind: string, data?: unknown, to?: string) => {
    if (to !== tab) tabs?.say(["", kind, data, to]);
    if (!to || to === tab) hear(kind, data);
  };
  const heard = (message: unknown) => {
    const [from, kind, data, to] = message as [string, string, unknown, string?];
    if (from) line?.hear(from, kind, data);
    else if (!to || to === tab) hear(kind, data);
  };
  const hear = (kind: string, data: unknown) => {
    if (kind === "ask") announce();
    else if (kind === "frame") book.hear(data as Heard);
    else if (kind === "user") {
      user = data as string;
      announce();
    } else if (kind === "state") {
      const told = data as Events["state"];
      if (told.state === "stopped") halt(told.reason);
      else set(told.state, told.reason);
    } else emit(kind as keyof Events, data as Events[keyof Events]);
  };
  /** Tells once what this tab wants, however often it has just changed. */
  const announce = () => {
    if (isAnnouncing) return;
    isAnnouncing = true;
    queueMicrotask(() => {
      isAnnouncing = false;
      const want: Want = new Map(user ? [[USER + user, ""]] : []);
      for (const name of watchers.keys()) want.set(name, grants.get(name) ?? "");
      up("want", [want, Date.now() - activeAt]);
      book.prune();
    });
  };

  // Beginning and end.

  const send: typeof fetch = (...request) => (options.fetch ?? fetch)(...request);
  const call: Call = (...request) => createCall(base, tokens, send)(...request);

  const say = async (method: string, body?: object) => up("seen", await call(method, "presence/status/", body));

  const lead = () => {
    connection = random();
    line = startLine({
      url: `${base.replace(/^http/, "ws")}/api/presence/live/`,
      SocketClass: options.WebSocket === undefined ? scope.WebSocket : options.WebSocket,
      tokens,
      call,
      idleAfter: options.idleAfter ?? IDLE_AFTER,
      activeAt: () => activeAt,
      identity: () => ({ session: sessionName(), connection, device }),
      rename: keepSession,
      isHidden: () => !!document?.hidden,
      tell: down,
      recall: book.recall,
      follow(other) {
        if (other !== tab) tabs?.follow(other, () => line?.hear(other, "bye"));
      },
      lost,
    });
  };
  const start = async () => {
    const mine = ++round;
    set("connecting");
    try {
      await tokens.get();
    } catch (error) {
      if (mine === round) lost(failureOf(error, "token_failed"));
      return;
    }
    if (mine !== round) return;
    const login = tokens.owner()?.login;
    const { BroadcastChannel: Channel } = scope;
    if (options.tabs !== false && login && document && navigator?.locks && Channel)
      tabs = joinTabs(
        { locks: navigator.locks, Channel },
        { name: `rollcall ${base} ${login}`, tab, ready: announce, lead, heard },
      );
    else lead();
  };
  const leave = (isGoodbye: boolean) => {
    round++;
    clearTimeout(timer);
    const said = line?.stop(isGoodbye);
    if (!line) up("bye");
    line = undefined;
    tabs?.leave();
    tabs = undefined;
    return said;
  };
  const halt = (why?: string) => {
    leave(false);
    unlisten();
    set("stopped", why);
  };
  const lost = (failure: Failure) => {
    complain(failure);
    if (failure.stops === STOPS_ALL) tabs?.say(["", "state", { state: "stopped", reason: failure.code }]);
    if (failure.stops) return halt(failure.code);
    leave(false);
    set("waiting", failure.code);
    timer = setTimeout(start, failure.after + pause.next());
  };

  // The session's name outlives the page, so that a reload is nobody's news.

  const place = () => `rollcall ${base} ${tokens.owner()?.user}`;
  const storage = () => options.storage ?? (tabs ? scope.localStorage : scope.sessionStorage);
  const sessionName = () => {
    try {
      session ||= storage()?.getItem(place()) ?? "";
    } catch {
      // The browser keeps nothing for this page.
    }
    if (!session) keepSession(random());
    return session;
  };
  const keepSession = (name: string) => {
    if (session === name) return;
    session = name;
    try {
      storage()?.setItem(place(), name);
    } catch {
      // As above.
    }
  };

  const unlisten = watchPage(scope, {
    active() {
      activeAt = Date.now();
      up("active");
    },
    changed: () => line?.wake(),
    left: () => void leave(true),
    returned: () => void start(),
  });
  const refuse = (error: unknown) => complain(failureOf(error, "invalid_value"));
  try {
    base = new URL(options.url || "/", scope.location?.href).href.replace(/\/+$/, "");
    start();
  } catch (error) {
    queueMicrotask(() => lost(new Failure("invalid_value", String(error), 0, STOPS_TAB)));
  }

  return {
    get state() {
      return state;
    },
    get reason() {
      return reason;
    },
    get user() {
      return user;
    },
    watch(whom, callback) {
      try {
        const names = namesOf(whom);
        let isWatching = true;
        const stop = add(names, (view) => isWatching && callback(view));
        queueMicrotask(() => {
          for (const view of book.recall(names).views) if (isWatching) safely(callback, view);
        });
        return () => {
          isWatching = false;
          stop();
        };
      } catch (error) {
        refuse(error);
        return () => {};
      }
    },
    get: (id) => book.view(id),
    async setStatus(status, { text, emoji, expiresIn } = {}) {
      if (status === "online") return this.clearStatus();
      await say("PUT", {
        status,
        text: text ?? null,
        emoji: emoji ?? null,
        expires_in_ms: expiresIn ?? null,
      });
    },
    clearStatus: () => say("DELETE"),
    join(room, { grant = "" } = {}) {
      if (!isName(room, true)) {
        refuse(new TypeError(`not a room: ${room}`));
        return () => {};
      }
      grants.set(JOINED + room, grant);
      return add([JOINED + room, ROOM + room], () => {});
    },
    typing: (room, on = true) => up("typing", [room, on]),
    members: (room) =>
      [...(book.members(room) ?? [])].map(book.view).filter((view) => view !== undefined),
    on(name, callback) {
      const all = listeners.get(name) ?? new Set();
      // A listener of its own, so that one that is added twice is called twice.
      const listener: Listener = (event) => callback(event);
      listeners.set(name, all.add(listener));
      return () => void all.delete(listener);
    },
    async close() {
      if (state === "stopped") return;
      const said = leave(true);
      unlisten();
      set("stopped", "closed");
      await said;
    },
  };
}

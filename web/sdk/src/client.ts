// One connection as an application has it, and this tab's part in the one that all tabs share (tabs.ts, line.ts).

import { createBackoff } from "./backoff.js";
import { createBook, type Emit } from "./book.js";
import { endsLogin, endsTab, type Failure, failureOf, safely } from "./failure.js";
import { createCall } from "./http.js";
import { type Line, startLine } from "./line.js";
import { type Scope, watchPage } from "./page.js";
import { joinTabs, type Tabs } from "./tabs.js";
import { createTokens } from "./token.js";
import type { Frame } from "./transport.js";
import type { Options, Rollcall, State } from "./types.js";
import { JOINED, nameOf, namesOf, ROOM, USER, type Want } from "./wants.js";

/** Without input for so long somebody is idle, ms. */
const PATIENCE = 300_000;

/** What tabs say to each other: something of the line for all, or one of its calls. */
type Message =
  | { readonly frame: Frame }
  | { readonly act: "want"; readonly with: Parameters<Line["want"]> }
  | { readonly act: "bye"; readonly with: Parameters<Line["bye"]> }
  | { readonly act: "typing"; readonly with: Parameters<Line["typing"]> };

/** A name that nobody else has: of a tab, a session, a connection. */
const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-").slice(0, 32);

export function createClient(options: Options, scope: Scope): Rollcall {
  const { document } = scope;
  const tab = random();
  const pause = createBackoff();
  const tokens = createTokens(options.token);
  const listeners = new Map<string, Set<(event: never) => void>>();
  const grants = new Map<string, string>();
  let state: State = "connecting";
  let reason: string | undefined;
  let user: string | undefined;
  let line: Line | undefined;
  let tabs: Tabs | undefined;
  let activeAt = Date.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAnnouncing = false;
  let round = 0;
  let base = "";
  let session = options.session;

  const emit: Emit = (name, event) => {
    for (const listener of [...(listeners.get(name) ?? [])])
      safely(listener as (given: typeof event) => void, event);
  };
  const complain = ({ code, message }: Failure) => emit("error", { code, detail: message });
  const set = (next: State, why?: string) => {
    if (state === next && reason === why) return;
    state = next;
    reason = why;
    emit("state", { state, reason });
  };
  const book = createBook(emit);

  /** Asks the line for something, here or in another tab. */
  const ask = (message: Exclude<Message, { frame: Frame }>) => {
    if (line) obey(message);
    else tabs?.say(message);
  };
  const obey = (message: Exclude<Message, { frame: Frame }>) =>
    (line?.[message.act] as (...given: unknown[]) => void)?.(...message.with);
  /** Tells the line once what this tab wants, however often that has just changed. */
  const announce = () => {
    if (isAnnouncing) return;
    isAnnouncing = true;
    queueMicrotask(() => {
      isAnnouncing = false;
      const want: Want = new Map(user ? [[USER + user, ""]] : []);
      for (const name of book.names()) want.set(name, grants.get(name) ?? "");
      ask({ act: "want", with: [tab, want, Date.now() - activeAt] });
      book.prune();
    });
  };
  const hear = (frame: Frame) => {
    const { type } = frame;
    if (type === "ask") announce();
    else if (type === "error") emit("error", { code: frame.code, detail: frame.detail });
    else if (type === "pong") {
      const { status, since, last_seen } = frame;
      if (since && !user) emit("status", { status, since, last_seen });
    } else if (type !== "state") book.hear(frame, user);
    else if (frame.state === "stopped") halt(frame.reason);
    else {
      if (user !== frame.user) announce();
      user = frame.user;
      set(frame.state, frame.reason);
    }
  };
  const tell = (frame: Frame) => {
    tabs?.say({ frame } satisfies Message);
    hear(frame);
  };

  const send: typeof fetch = (...request) => (options.fetch ?? fetch)(...request);
  const call: ReturnType<typeof createCall> = (...request) =>
    createCall(base, tokens, send)(...request);
  const say = async (method: string, body?: object) =>
    tell({ type: "presence", ...(await call(method, "presence/status/", body)) });

  // The session's name outlives the page, so that a reload is nobody's news.
  const keep = (name?: string) => {
    try {
      const place = `rollcall ${base} ${tokens.owner().user}`;
      const storage = options.storage ?? (tabs ? scope.localStorage : scope.sessionStorage);
      if (!name) return storage?.getItem(place);
      storage?.setItem(place, name);
    } catch {
      // The browser keeps nothing for this page.
    }
  };

  const lead = () => {
    const connection = random();
    line = startLine(
      {
        url: `${base.replace(/^http/, "ws")}/api/presence/live/`,
        Socket: options.WebSocket === undefined ? scope.WebSocket : options.WebSocket,
        tokens,
        call,
        patience: options.idleAfter ?? PATIENCE,
        identity() {
          session ??= keep() || random();
          keep(session);
          return { session, connection, device: options.device ?? (document && "web") } as never;
        },
        rename(name) {
          session = name;
          keep(name);
        },
        isHidden: () => !!document?.hidden,
        tell,
        follow(other) {
          if (other !== tab) tabs?.follow(other, () => line?.bye(other));
        },
        lost,
      },
      activeAt,
    );
  };
  const start = async () => {
    const mine = ++round;
    set("connecting");
    try {
      await tokens.get();
    } catch (error) {
      if (mine === round) lost(error as Failure);
      return;
    }
    if (mine !== round) return;
    const { login } = tokens.owner();
    const locks = scope.navigator?.locks;
    const { BroadcastChannel: Channel } = scope;
    if (options.tabs === false || !login || !document || !locks || !Channel) return lead();
    const channel = new Channel(`rollcall ${base} ${login}`);
    tabs = joinTabs(locks, channel, tab, announce, lead, (message: Message) =>
      "frame" in message ? hear(message.frame) : obey(message),
    );
  };
  const leave = (isGoodbye?: boolean) => {
    round++;
    clearTimeout(timer);
    // Its own line has nothing to undo: another goes on with it, or the session ends.
    if (!line) ask({ act: "bye", with: [tab] });
    const said = line?.stop(!!isGoodbye);
    tabs?.leave();
    line = tabs = undefined;
    return said;
  };
  const halt = (why?: string) => {
    const said = leave(why === "closed");
    unlisten();
    set("stopped", why);
    return said;
  };
  const lost = (failure: Failure) => {
    const { code, after } = failure;
    complain(failure);
    if (endsLogin(code)) tabs?.say({ frame: { type: "state", state: "stopped", reason: code } });
    if (endsTab(code)) return void halt(code);
    leave();
    set("waiting", code);
    timer = setTimeout(start, after + pause.next());
  };

  const unlisten = watchPage(scope, {
    active() {
      activeAt = Date.now();
      ask({ act: "want", with: [tab, undefined, 0] });
    },
    changed: () => line?.wake(),
    left: () => void leave(true),
    returned: () => void start(),
  });
  const attempt = (work: () => () => void) => {
    try {
      return work();
    } catch (error) {
      complain(failureOf(error, "invalid_value"));
      return () => {};
    }
  };
  const watch: typeof book.watch = (names, watcher) => {
    const stop = book.watch(names, watcher);
    announce();
    return () => {
      stop();
      announce();
    };
  };

  queueMicrotask(() => {
    try {
      base = new URL(options.url || "/", scope.location?.href).href.replace(/\/+$/, "");
      if (state !== "stopped") start();
    } catch (error) {
      lost(failureOf(error, "invalid_value"));
    }
  });

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
    watch: (whom, callback) => attempt(() => watch(namesOf(whom), callback)),
    get: book.view,
    setStatus: (status, { text = null, emoji = null, expiresIn = null } = {}) =>
      status === "online"
        ? say("DELETE")
        : say("PUT", { status, text, emoji, expires_in_ms: expiresIn }),
    clearStatus: () => say("DELETE"),
    join: (room, { grant = "" } = {}) =>
      attempt(() => {
        const name = nameOf(ROOM, room);
        grants.set(JOINED + room, grant);
        return watch([JOINED + room, name], () => {});
      }),
    typing: (room, on = true) => ask({ act: "typing", with: [room, on] }),
    members: (room) => [...book.members(room)].flatMap((id) => book.view(id) ?? []),
    on(name, callback) {
      const all = listeners.get(name) ?? new Set();
      // One of its own, so that one that is added twice is called twice.
      const listener = (event: never) => callback(event);
      listeners.set(name, all.add(listener));
      return () => void all.delete(listener);
    },
    async close() {
      if (state !== "stopped") await halt("closed");
    },
  };
}

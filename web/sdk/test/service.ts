// A scripted service for tests: sockets and requests that end here, and do what the test says. Time is moved, not slept.

import { type Mock, vi } from "vitest";
import { createClient } from "../src/client.js";
import type { Scope } from "../src/page.js";
import type { Options, Rollcall, SocketClass } from "../src/types.js";

// biome-ignore lint/suspicious/noExplicitAny: frames have fields of their own.
export type Frame = Record<string, any> & { type: string };

/** A token of somebody, by a login, that lives for so many seconds. */
export function tokenOf(sub = "7", sid = "login", seconds = 900): string {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const claims = { iss: "rollcall", sub, sid, iat: exp - seconds, exp };
  return `head.${btoa(JSON.stringify(claims)).replace(/=+$/, "")}.signature`;
}

export const view = (user_id: string, status = "online", version: number | null = 1) => ({
  user_id,
  status,
  since: "2026-11-20T12:00:00.000Z",
  last_seen: "2026-11-20T12:00:00.000Z",
  version,
});

/** The service's end of a socket. */
export class Peer {
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  /** What the client said. */
  readonly heard: Frame[] = [];
  /** The code by which the client closed. */
  closedWith: number | undefined;
  readonly url: string;
  /** Answers what the client says, if it is to. */
  answers = true;

  constructor(url: string, service: Service) {
    this.url = url;
    this.service = service;
    service.peers.push(this);
    queueMicrotask(() => {
      if (service.blocksSockets) this.end(1006);
      else if (!service.holdsSockets) this.open();
    });
  }
  readonly service: Service;

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  send(text: string): void {
    const frame = JSON.parse(text) as Frame;
    this.heard.push(frame);
    if (this.answers) this.service.answer(this, frame);
  }
  close(code: number): void {
    this.closedWith = code;
    this.readyState = 3;
  }
  /** The service says something. */
  say(frame: Frame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  /** The service, or the network, ends it. */
  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
  goodbye(code: number, word: string, reconnect_in_ms?: number): void {
    this.say({ type: "goodbye", code: word, reconnect_in_ms });
    this.end(code, word);
  }
  said(type: string): Frame[] {
    return this.heard.filter((frame) => frame.type === type);
  }
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: Frame;
  readonly token: string;
  readonly keepalive: boolean;
}

/** A service, with its sockets and what it was asked. */
export class Service {
  readonly peers: Peer[] = [];
  readonly requests: Request[] = [];
  blocksSockets = false;
  holdsSockets = false;
  /** How those stand whom clients ask for. */
  readonly views = new Map<string, object>();
  /** Answers a request otherwise than usual. */
  refuse: (request: Request) => Response | undefined = () => undefined;

  get peer(): Peer {
    const last = this.peers.at(-1);
    if (!last) throw new Error("no socket was opened");
    return last;
  }
  /** What all that were asked for heard, by path. */
  asked(path: string): Request[] {
    return this.requests.filter((request) => request.path.startsWith(path));
  }
  answer(peer: Peer, frame: Frame): void {
    if (frame.type === "hello" && frame.session)
      peer.say({ type: "welcome", session: frame.session, user: "7", interval_ms: 25_000 });
    if (frame.type === "heartbeat") peer.say({ type: "pong", status: "online" });
    if (frame.type === "watch")
      peer.say({
        type: "snapshot",
        complete: true,
        counts: {},
        rooms: {},
        views: this.seen(frame.users),
      });
  }
  seen(users: string[] = []): object[] {
    return users.map((id) => this.views.get(id) ?? view(id, "offline", null));
  }
  readonly fetch: Mock<typeof fetch> = vi.fn(async (input, init) => {
    const headers = init?.headers as Record<string, string>;
    const request: Request = {
      method: init?.method ?? "GET",
      path: String(input).replace(/^.*\/api\//, ""),
      body: JSON.parse(String(init?.body ?? "{}")),
      token: headers.authorization?.slice(7) ?? "",
      keepalive: init?.keepalive ?? false,
    };
    this.requests.push(request);
    return this.refuse(request) ?? Response.json(this.answerRequest(request));
  });
  answerRequest({ path, body }: Request): object {
    if (path.startsWith("presence/query/")) return { results: this.seen(body.users) };
    if (path.startsWith("presence/status/")) return view("7", body.status, 9);
    return {
      online_status: "online",
      since: "now",
      last_seen: "now",
      next_heartbeat_in_ms: 30_000,
    };
  }
  readonly SocketClass: SocketClass = ((service) =>
    class extends Peer {
      constructor(url: string) {
        super(url, service);
      }
    })(this) as unknown as SocketClass;
}

/** A browser: what its tabs share. */
export class BrowserProfile {
  readonly #held = new Map<string, { holder: object; queue: (() => void)[] }>();
  readonly #channels = new Map<string, Set<Channel>>();
  readonly #stored = new Map<string, string>();
  readonly storage = {
    getItem: (name: string) => this.#stored.get(name) ?? null,
    setItem: (name: string, value: string) => void this.#stored.set(name, value),
  };
  get names(): string[] {
    return [...this.#held.keys()];
  }
  readonly locks = {
    request: (name: string, { signal }: { signal: AbortSignal }, granted: () => unknown) =>
      new Promise<unknown>((resolve, reject) => {
        const lock = this.#held.get(name) ?? { holder: {}, queue: [] };
        const isFree = !this.#held.has(name);
        this.#held.set(name, lock);
        let isWaiting = true;
        const grant = () => {
          isWaiting = false;
          Promise.resolve(granted()).then((value) => {
            resolve(value);
            const next = lock.queue.shift();
            if (next) next();
            else this.#held.delete(name);
          });
        };
        signal.addEventListener("abort", () => {
          if (!isWaiting) return;
          lock.queue.splice(lock.queue.indexOf(grant), 1);
          reject(new DOMException("aborted", "AbortError"));
        });
        if (isFree) queueMicrotask(grant);
        else lock.queue.push(grant);
      }),
  };
  readonly Channel = ((profile) =>
    class extends Channel {
      constructor(name: string) {
        super(name, profile.#channels);
      }
    })(this);
  /** A tab: a document that can be hidden, and a window that hears events. */
  tab(): Tab {
    return new Tab(this);
  }
}

class Channel {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly #all: Map<string, Set<Channel>>;
  readonly name: string;
  constructor(name: string, all: Map<string, Set<Channel>>) {
    this.name = name;
    this.#all = all;
    all.set(name, (all.get(name) ?? new Set()).add(this));
  }
  postMessage(message: unknown): void {
    const data = structuredClone(message);
    for (const other of this.#all.get(this.name) ?? [])
      if (other !== this) queueMicrotask(() => other.onmessage?.({ data }));
  }
  close(): void {
    this.#all.get(this.name)?.delete(this);
    this.onmessage = null;
  }
}

export class Tab extends EventTarget {
  readonly document = { hidden: false };
  readonly navigator: object;
  readonly localStorage: object;
  readonly BroadcastChannel: unknown;
  readonly location = { origin: "https://app.example.com" };
  constructor(profile: BrowserProfile) {
    super();
    this.navigator = { locks: profile.locks };
    this.localStorage = profile.storage;
    this.BroadcastChannel = profile.Channel;
  }
  happen(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }
  connect(service: Service, options: Partial<Options> = {}): Rollcall {
    return open(service, options, this as unknown as Scope);
  }
}

/** Connects to a service; without a scope as in Node. */
export const open = (
  service: Service,
  options: Partial<Options> = {},
  scope: Scope = {},
): Rollcall =>
  createClient(
    {
      url: "https://rollcall.example.com",
      token: tokenOf(),
      fetch: service.fetch,
      WebSocket: service.SocketClass,
      ...options,
    },
    scope,
  );

/** Lets so many ms pass. */
export const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

// What an application sees of the client: options, views, events. Types only; nothing of this file is in a bundle.

/** How somebody stands. `invisible` is only ever seen of oneself; others see `offline`. */
export type Status = "online" | "away" | "busy" | "offline" | "invisible";

/** What people can say of themselves; `online` takes back what was said. */
export type OwnStatus = "online" | "busy" | "away" | "invisible";

/** A kind of device. */
export type Device = "web" | "mobile" | "desktop";

/** Somebody's presence, as the service tells it. Times are RFC 3339 in UTC, `null` where they are not known. */
export interface View {
  readonly user_id: string;
  readonly status: Status;
  /** Since when they have had this status. */
  readonly since: string | null;
  /** Since when they have been present without a break. */
  readonly online_since?: string | null;
  /** Their last sign of life. */
  readonly last_seen: string | null;
  /** Grows with every change; `null` of somebody who was never seen. */
  readonly version: number | null;
  /** Their own words. */
  readonly text?: string;
  readonly emoji?: string;
  /** Where they are present. */
  readonly devices?: readonly Device[];
}

/** One's own status. Over HTTP alone no more than status and times are known. */
export interface Own extends Partial<View> {
  readonly status: Status;
}

/** How many are present of an organisation. */
export interface Counts {
  readonly org: string;
  readonly online: number;
  readonly away: number;
  readonly busy: number;
  /** The sum of the three. */
  readonly users: number;
  /** Their tabs, windows and apps. */
  readonly sessions: number;
}

/** Something happened in a room; one of the four is there. */
export interface RoomEvent {
  readonly room: string;
  readonly joined?: Pick<View, "user_id" | "status" | "since" | "version">;
  readonly left?: { readonly user_id: string };
  readonly typing?: { readonly user_id: string; readonly on: boolean };
  /** How many are in it: comes with each new look at the room, and alone where it is large. */
  readonly count?: number;
}

/**
 * How the client stands: `connecting`, `live` (a socket), `polling` (heartbeats over HTTP), `waiting` (between two
 * tries), `stopped` (it may not return, or was closed).
 */
export type State = "connecting" | "live" | "polling" | "waiting" | "stopped";

/** What went wrong: a code of the service's, or one of the client's (docs/sdk.md lists them). */
export interface Problem {
  readonly code: string;
  readonly detail: string;
}

/** The events and what comes with them. */
export interface Events {
  state: { readonly state: State; readonly reason?: string | undefined };
  presence: View;
  counts: Counts;
  room: RoomEvent;
  status: Own;
  error: Problem;
}

/** An access token, or who fetches one: asked again before it ends. An empty answer stops the client. */
export type Token = string | (() => string | Promise<string>);

/** What the client needs of `WebSocket`. */
export type SocketClass = new (url: string, protocols?: string | string[]) => WebSocket;

/** How to connect. */
export interface Options {
  /** Base of the service, such as `https://rollcall.example.com`; the page's own origin if empty. */
  readonly url?: string;
  readonly token: Token;
  /** `web` in a page unless said. */
  readonly device?: Device;
  /** A name for the session, 1-32 of `A-Z a-z 0-9 _ -`; made and kept in the storage unless said. */
  readonly session?: string;
  /** After so many ms without input the user is idle; 5 minutes unless said. */
  readonly idleAfter?: number;
  /** One connection for all tabs of the browser; `true` unless said. */
  readonly tabs?: boolean;
  readonly fetch?: typeof fetch;
  /** The class of sockets; `null`: none, heartbeats over HTTP. */
  readonly WebSocket?: SocketClass | null;
  /** Where the session's name is kept: `localStorage`, without `tabs` `sessionStorage`, unless said. */
  readonly storage?: Pick<Storage, "getItem" | "setItem"> & Partial<Pick<Storage, "removeItem">>;
}

/** Whom to watch. */
export interface Targets {
  readonly users?: readonly string[];
  readonly orgs?: readonly string[];
  readonly rooms?: readonly string[];
}

/** What goes with a status. */
export interface StatusOptions {
  /** At most 100 characters. */
  readonly text?: string | null;
  readonly emoji?: string | null;
  /** Ends by itself after so many ms, a year at most. */
  readonly expiresIn?: number | null;
}

/** A connection to the service. No method throws. */
export interface Rollcall {
  /** How it stands. */
  readonly state: State;
  /** Why it stopped or waits: the code of the last problem. */
  readonly reason: string | undefined;
  /** The caller's own id, once it is known. */
  readonly user: string | undefined;
  /** Tells how these stand, now and from now on, until the function that it answers is called. */
  watch(whom: string | readonly string[] | Targets, callback: (view: View) => void): () => void;
  /** How somebody stands who is watched; the same object until they change. */
  get(id: string): View | undefined;
  /** Says how one wants to be seen; all that was said before is replaced. Rejects with a {@link Failure}. */
  setStatus(status: OwnStatus, options?: StatusOptions): Promise<void>;
  /** Takes back what was said. */
  clearStatus(): Promise<void>;
  /** Enters a room, and watches it, until the function that it answers is called. */
  join(room: string, options?: { readonly grant?: string }): () => void;
  /** Tells the others of a room that one types, for 5 s, or no longer does. Needs a socket. */
  typing(room: string, on?: boolean): void;
  /** Who is known to be in a room that is joined or watched. */
  members(room: string): View[];
  /** Listens, until the function that it answers is called. */
  on<Name extends keyof Events>(name: Name, callback: (event: Events[Name]) => void): () => void;
  /** Says goodbye, and is done when that is said. */
  close(): Promise<void>;
}

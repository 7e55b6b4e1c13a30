/** What the client has told of, as signals: everything the page shows comes from here. */
import { batch, computed, signal } from "@preact/signals";
import type { Events, Own, State, View } from "@rollcall/sdk";
import { tokensOf } from "./login.ts";
import { DroppableSocket, droppableFetch } from "./network.ts";
import type { Person } from "./people.ts";

/** The room that everybody here is in. */
export const LOBBY = "lobby";
/** A page that nobody has touched for so long says that it is idle, in ms: short, so that it can be watched. */
const IDLE_AFTER = 20_000;
/** Lines of the log that are kept. */
const LOG_LENGTH = 200;

/** A line of the log. */
export interface Line {
  number: number;
  at: Date;
  name: string;
  what: string;
}

type Rollcall = ReturnType<typeof rollcall.connect>;
type Counts = Events["counts"];

/** Everybody who can be here, by user id. */
export const names = signal<ReadonlyMap<string, string>>(new Map());
export const me = signal<Person | undefined>(undefined);
export const state = signal<State>("stopped");
/** Why it is not live, as the service says it. */
export const reason = signal<string | undefined>(undefined);
/** Everybody of the organisation, as this person may see them. */
export const views = signal<ReadonlyMap<string, View>>(new Map());
/** Who is in the lobby, in the order of their coming. */
export const lobby = signal<readonly string[]>([]);
export const typing = signal<ReadonlySet<string>>(new Set());
export const counts = signal<Counts | undefined>(undefined);
export const log = signal<readonly Line[]>([]);
/** How this person's own status was taken, `invisible` included. */
export const own = signal<Own | undefined>(undefined);

/** The others who type. */
export const typists = computed(() => [...typing.value].filter((id) => id !== me.value?.user_id));

let connection: Rollcall | undefined;
let lines = 0;

/** The connection, while there is one. */
export function current(): Rollcall | undefined {
  return connection;
}

/** Comes as somebody. */
export function come(person: Person): void {
  me.value = person;
  connection = rollcall.connect({
    url: "",
    token: tokensOf(person.username),
    device: "web",
    // Windows of one browser are different people here, so each has a socket of its own.
    tabs: false,
    idleAfter: IDLE_AFTER,
    fetch: droppableFetch,
    WebSocket: DroppableSocket,
  });
  listen(connection);
  connection.watch({ orgs: ["main"], rooms: [LOBBY] }, seen);
  connection.join(LOBBY);
}

/** Goes, and says so. */
export async function go(): Promise<void> {
  await connection?.close();
  connection = undefined;
  batch(() => {
    state.value = "stopped";
    lobby.value = [];
    typing.value = new Set();
  });
}

function listen(rc: Rollcall): void {
  rc.on("state", (news) => {
    write("state", news);
    batch(() => {
      state.value = news.state;
      reason.value = news.reason;
    });
  });
  rc.on("presence", (view) => {
    if (lobby.value.includes(view.user_id)) write("presence", view);
  });
  rc.on("counts", (news) => {
    counts.value = news;
  });
  rc.on("room", (news) => {
    write("room", news);
    happened(news);
  });
  rc.on("status", (view) => {
    write("status", view);
    own.value = view;
  });
  rc.on("error", (error) => write("error", error));
}

function seen(view: View): void {
  views.value = new Map(views.value).set(view.user_id, view);
}

function happened(news: Events["room"]): void {
  if (news.room !== LOBBY) return;
  batch(() => {
    lobby.value = (connection?.members(LOBBY) ?? []).map(({ user_id }) => user_id);
    if (news.typing) typing.value = marked(typing.value, news.typing.user_id, news.typing.on);
    if (news.left) typing.value = marked(typing.value, news.left.user_id, false);
  });
}

function marked(set: ReadonlySet<string>, id: string, on: boolean): ReadonlySet<string> {
  const changed = new Set(set);
  if (on) changed.add(id);
  else changed.delete(id);
  return changed;
}

function write(name: string, news: object): void {
  lines += 1;
  const line = { number: lines, at: new Date(), name, what: JSON.stringify(news) };
  log.value = [line, ...log.value].slice(0, LOG_LENGTH);
}

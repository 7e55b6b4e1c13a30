// Whom a tab watches, what it is told, and what becomes of mistakes.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { View } from "../src/types.js";
import { open, pass, Service, view } from "./service.js";

let service: Service;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
});
afterEach(() => vi.useRealTimers());

const statuses = (views: View[]) => views.map(({ user_id, status }) => `${user_id} ${status}`);

test("each is told how people stand now, and every change after that", async () => {
  service.views.set("1", view("1"));
  const rc = open(service);
  const told: View[] = [];
  const stop = rc.watch(["1", "2"], (seen) => told.push(seen));
  await pass();
  expect(statuses(told)).toEqual(["1 online", "2 offline"]);
  service.peer.say({ type: "presence", ...view("1", "busy", 2), text: "writing" });
  expect(rc.get("1")).toMatchObject({ status: "busy", text: "writing" });
  const late: View[] = [];
  rc.watch("1", (seen) => late.push(seen));
  await pass();
  expect(statuses(late)).toEqual(["1 busy"]);
  stop();
  await pass();
  expect(service.peer.said("unwatch")).toEqual([{ type: "unwatch", users: ["2"] }]);
  service.peer.say({ type: "presence", ...view("1", "away", 3) });
  expect(statuses(told)).toEqual(["1 online", "2 offline", "1 busy"]);
  expect(statuses(late)).toEqual(["1 busy", "1 away"]);
  await rc.close();
});

test("what is not newer is dropped, but a snapshot is taken as it is", async () => {
  service.views.set("1", view("1", "online", 5));
  const rc = open(service);
  rc.watch("1", () => {});
  await pass();
  service.peer.say({ type: "presence", ...view("1", "offline", 4) });
  expect(rc.get("1")?.status).toBe("online");
  service.peer.say({ type: "snapshot", complete: true, views: [view("1", "away", 2)] });
  expect(rc.get("1")?.status).toBe("away");
  service.peer.say({ type: "presence", ...view("1", "offline", null) });
  expect(rc.get("1")?.status).toBe("offline");
  await rc.close();
});

test("the object stays the same until something changes", async () => {
  service.views.set("1", view("1"));
  const rc = open(service);
  const told = vi.fn();
  rc.watch("1", told);
  await pass();
  const before = rc.get("1");
  service.peer.say({ type: "snapshot", complete: true, views: [view("1")] });
  expect(rc.get("1")).toBe(before);
  expect(told).toHaveBeenCalledTimes(1);
  await rc.close();
});

test("many are watched in parts, once each, and again by the next connection", async () => {
  const rc = open(service);
  const ids = Array.from({ length: 600 }, (_, id) => String(1000 + id));
  rc.watch(ids, () => {});
  rc.watch(ids.slice(0, 10), () => {});
  await pass(1000);
  const watched = () => service.peer.said("watch").map(({ users }) => users.length);
  expect(watched()).toEqual([250, 250, 100, 1]);
  service.peer.end(1006);
  await pass(3000);
  expect(service.peers).toHaveLength(2);
  expect(watched().reduce((all, some) => all + some)).toBe(601);
  await rc.close();
});

test("a component that comes and goes within a moment asks for nothing", async () => {
  const rc = open(service);
  await pass();
  const before = service.peer.heard.length;
  rc.watch("1", () => {})();
  await pass();
  expect(service.peer.heard).toHaveLength(before);
  await rc.close();
});

test("organisations are told as people and as counts", async () => {
  const rc = open(service);
  const told: View[] = [];
  const counts = vi.fn();
  rc.watch({ orgs: ["main"] }, (seen) => seen.user_id !== rc.user && told.push(seen));
  rc.on("counts", counts);
  await pass();
  service.peer.say({
    type: "snapshot",
    complete: true,
    views: [view("1")],
    counts: { main: { online: 1, away: 0, busy: 0, users: 1, sessions: 1 } },
  });
  expect(statuses(told)).toEqual(["1 online"]);
  expect(counts).toHaveBeenCalledWith(expect.objectContaining({ org: "main", users: 1 }));
  service.peer.say({ type: "presence", ...view("2") });
  expect(statuses(told)).toEqual(["1 online", "2 online"]);
  await rc.close();
});

test("a room is joined before it is watched, has members, and is left", async () => {
  const rc = open(service);
  const events = vi.fn();
  rc.on("room", events);
  const leave = rc.join("doc:7", { grant: "let me in" });
  await pass();
  const said = service.peer.heard.filter(({ type, rooms }) => type === "join" || rooms);
  expect(said).toEqual([
    { type: "join", room: "doc:7", grant: "let me in" },
    { type: "watch", rooms: ["doc:7"] },
  ]);
  service.peer.say({
    type: "snapshot",
    complete: true,
    views: [view("1")],
    rooms: { "doc:7": { count: 1, members: ["1"] } },
  });
  service.peer.say({ type: "room", room: "doc:7", joined: { ...view("2"), last_seen: undefined } });
  expect(statuses(rc.members("doc:7"))).toEqual(["1 online", "2 online"]);
  service.peer.say({ type: "room", room: "doc:7", left: { user_id: "1" } });
  service.peer.say({ type: "room", room: "doc:8", left: { user_id: "1" } });
  expect(statuses(rc.members("doc:7"))).toEqual(["2 online"]);
  expect(events).toHaveBeenCalledTimes(3);
  rc.typing("doc:7");
  expect(service.peer.said("typing")).toEqual([{ type: "typing", room: "doc:7", on: true }]);
  leave();
  await pass();
  expect(service.peer.said("leave")).toEqual([{ type: "leave", room: "doc:7" }]);
  expect(rc.members("doc:7")).toEqual([]);
  await rc.close();
});

test("a room is joined again with its newest grant, also after the connection was lost", async () => {
  const rc = open(service);
  const leave = rc.join("doc:7", { grant: "old" });
  await pass();
  rc.join("doc:7", { grant: "new" });
  leave();
  await pass();
  const before = service.peer;
  expect(before.said("join").map(({ grant }) => grant)).toEqual(["old", "new"]);
  expect(before.said("leave")).toEqual([]);
  before.end(1006);
  await pass(60_000);
  expect(service.peer).not.toBe(before);
  expect(service.peer.said("join")).toEqual([{ type: "join", room: "doc:7", grant: "new" }]);
  await rc.close();
});

test("a status is said whole, and answered", async () => {
  const rc = open(service);
  const own = vi.fn();
  rc.on("status", own);
  await pass();
  await rc.setStatus("busy", { text: "at lunch", expiresIn: 60_000 });
  await rc.setStatus("online");
  expect(service.asked("presence/status/").map(({ method, body }) => [method, body])).toEqual([
    ["PUT", { status: "busy", text: "at lunch", emoji: null, expires_in_ms: 60_000 }],
    ["PUT", { status: "online" }],
  ]);
  expect(own).toHaveBeenCalledWith(expect.objectContaining({ user_id: "7", status: "busy" }));
  service.refuse = () => Response.json({ code: "rate_limited", detail: "later" }, { status: 429 });
  await expect(rc.setStatus("away")).rejects.toMatchObject({
    code: "rate_limited",
    detail: "later",
  });
  await rc.close();
});

test("mistakes are told as errors, and callbacks that throw break nothing", async () => {
  const thrown: unknown[] = [];
  const uncaught = (error: unknown) => thrown.push(error);
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", uncaught);
  const rc = open(service);
  const codes: string[] = [];
  rc.on("error", ({ code }) => codes.push(code));
  rc.watch(["not a name"], () => {});
  rc.watch(null as never, () => {});
  rc.join("not a room");
  expect(codes).toEqual(["invalid_value", "invalid_value", "invalid_value"]);
  rc.watch("1", () => {
    throw new Error("the application's own");
  });
  const told = vi.fn();
  rc.watch("1", told);
  await pass();
  expect(told).toHaveBeenCalledTimes(1);
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve));
  process.removeListener("uncaughtException", uncaught);
  for (const listener of listeners) process.on("uncaughtException", listener);
  expect(thrown).toEqual([new Error("the application's own")]);
  await rc.close();
});

const counts = (users: number) => ({
  main: { online: users, away: 0, busy: 0, users, sessions: users },
});

test("whoever an organisation no longer names when it is gone through again has gone", async () => {
  const rc = open(service);
  const told: View[] = [];
  rc.watch({ orgs: ["main"] }, (seen) => told.push(seen));
  await pass();
  const snapshot = (views: ReturnType<typeof view>[]) =>
    service.peer.say({ type: "snapshot", complete: true, views, counts: counts(views.length) });
  told.length = 0;
  snapshot([view("1"), view("2")]);
  // Nobody told that one of them went: the connection was away.
  snapshot([view("2")]);
  expect(statuses(told)).toEqual(["1 online", "2 online", "1 offline"]);
  expect(rc.get("1")?.status).toBe("offline");
  // Of one that has grown too large there are numbers alone.
  service.peer.say({ type: "snapshot", complete: true, views: [], counts: counts(5000) });
  expect(rc.get("2")?.status).toBe("online");
  await rc.close();
});

test("whoever leaves a room is told as gone to those who watch them there alone", async () => {
  const rc = open(service);
  const there: View[] = [];
  const byName: View[] = [];
  rc.watch({ rooms: ["lobby"] }, (seen) => there.push(seen));
  rc.watch("2", (seen) => byName.push(seen));
  await pass();
  const snapshot = (members: string[]) =>
    service.peer.say({
      type: "snapshot",
      complete: true,
      views: members.map((id) => view(id)),
      rooms: { lobby: { count: members.length, members } },
    });
  snapshot(["1", "2", "3"]);
  there.length = 0;
  service.peer.say({ type: "room", room: "lobby", left: { user_id: "1" } });
  service.peer.say({ type: "room", room: "lobby", left: { user_id: "2" } });
  expect(statuses(there)).toEqual(["1 offline"]);
  expect(rc.get("2")?.status).toBe("online");
  // And where it happened while the connection was away.
  snapshot([]);
  expect(statuses(there)).toEqual(["1 offline", "3 offline"]);
  expect(rc.get("3")).toBeUndefined();
  await rc.close();
});

test("counts are those of organisations that this tab watches, and names are what the service takes", async () => {
  const rc = open(service);
  const counted = vi.fn();
  const failed = vi.fn();
  rc.on("counts", counted);
  rc.on("error", failed);
  rc.watch({ orgs: ["main"] }, () => {});
  await pass();
  service.peer.say({ type: "counts", org: "shop", ...counts(3).main });
  service.peer.say({ type: "counts", org: "main", ...counts(2).main });
  expect(counted.mock.calls.map(([{ org, users }]) => [org, users])).toEqual([["main", 2]]);
  rc.watch(["7", "doc:7"], () => {});
  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: "invalid_value" }));
  await rc.close();
});

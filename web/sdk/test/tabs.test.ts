// Several tabs of one browser, and one connection.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BrowserProfile, pass, Service, tokenOf, view } from "./service.js";

let service: Service;
let profile: BrowserProfile;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
  profile = new BrowserProfile();
});
afterEach(() => vi.useRealTimers());

const users = () => service.peer.said("watch").flatMap(({ users: named }) => named ?? []);

test("one socket carries what all tabs want, and each is told what it watches", async () => {
  service.views.set("1", view("1"));
  const [first, second] = [profile.tab().connect(service), profile.tab().connect(service)];
  const [one, two] = [vi.fn(), vi.fn()];
  first.watch("1", one);
  second.watch(["1", "2"], two);
  await pass();
  expect(service.peers).toHaveLength(1);
  expect([first.state, second.state, second.user]).toEqual(["live", "live", "7"]);
  expect(new Set(users())).toEqual(new Set(["1", "2", "7"]));
  expect([one.mock.calls.length, two.mock.calls.length]).toEqual([1, 2]);
  service.peer.say({ type: "presence", ...view("2", "busy", 3) });
  await pass();
  expect(second.get("2")?.status).toBe("busy");
  expect(first.get("2")).toBeUndefined();
  await Promise.all([first.close(), second.close()]);
});

test("a tab that comes late is told how those stand whom another one watches", async () => {
  service.views.set("1", view("1", "busy"));
  const first = profile.tab().connect(service);
  first.watch("1", () => {});
  await pass(1000);
  const second = profile.tab().connect(service);
  second.watch("1", () => {});
  await pass();
  expect(second.get("1")?.status).toBe("busy");
  await Promise.all([first.close(), second.close()]);
});

test("when the tab with the socket goes, the next goes on with the same session and all that is wanted", async () => {
  const [tab, other] = [profile.tab(), profile.tab()];
  tab.connect(service);
  await pass();
  const second = other.connect(service);
  second.watch("2", () => {});
  second.join("lobby");
  await pass();
  tab.happen("pagehide");
  await pass();
  expect(service.peers).toHaveLength(2);
  expect(service.peers[0]?.said("leave")).toEqual([]);
  const [before, after] = service.peers.map((peer) => peer.said("hello")[0]);
  expect(after?.session).toBe(before?.session);
  expect(after?.connection).not.toBe(before?.connection);
  expect(users()).toContain("2");
  expect(service.peer.said("join")).toHaveLength(1);
  expect(second.state).toBe("live");
  await second.close();
});

test("what only a tab wanted that is gone is wanted no longer", async () => {
  const first = profile.tab().connect(service);
  await pass();
  const tab = profile.tab();
  const second = tab.connect(service);
  second.watch("2", () => {});
  second.join("lobby");
  await pass();
  tab.happen("pagehide");
  await pass();
  expect(service.peer.said("unwatch")).toContainEqual({ type: "unwatch", users: ["2"] });
  expect(service.peer.said("leave")).toEqual([{ type: "leave", room: "lobby" }]);
  expect(service.peers).toHaveLength(1);
  await first.close();
});

test("somebody is idle when no tab is touched", async () => {
  const [tab, other] = [profile.tab(), profile.tab()];
  const first = tab.connect(service, { idleAfter: 60_000 });
  await pass();
  const second = other.connect(service, { idleAfter: 60_000 });
  await pass(50_000);
  other.happen("pointerdown");
  await pass(50_000);
  const activities = () => service.peer.said("heartbeat").map(({ activity }) => activity);
  expect(activities()).not.toContain("idle");
  await pass(20_000);
  expect(activities().at(-1)).toBe("idle");
  await Promise.all([first.close(), second.close()]);
});

test("an idle browser is not active because another tab takes over", async () => {
  const [tab, other] = [profile.tab(), profile.tab()];
  tab.connect(service, { idleAfter: 60_000 });
  await pass();
  const second = other.connect(service, { idleAfter: 60_000 });
  await pass(90_000);
  tab.happen("pagehide");
  await pass();
  expect(service.peer.said("hello")[0]?.activity).toBe("idle");
  await second.close();
});

test("different people and different logins never share", async () => {
  const all = [tokenOf("7", "a"), tokenOf("8", "a"), tokenOf("7", "b"), "opaque", "opaque"].map(
    (token) => profile.tab().connect(service, { token }),
  );
  await pass();
  expect(service.peers).toHaveLength(5);
  await Promise.all(all.map((rc) => rc.close()));
});

test("the end of a login stops all tabs", async () => {
  const all = [profile.tab().connect(service), profile.tab().connect(service)];
  await pass();
  service.peer.goodbye(4409, "login_ended");
  await pass();
  service.peer.goodbye(4409, "login_ended");
  await pass(60_000);
  expect(all.map(({ state, reason }) => [state, reason])).toEqual([
    ["stopped", "login_ended"],
    ["stopped", "login_ended"],
  ]);
  expect(service.peers).toHaveLength(2);
});

test("tabs: false gives each tab a socket and a session of its own", async () => {
  const all = [1, 2].map(() => profile.tab().connect(service, { tabs: false }));
  await pass();
  expect(service.peers).toHaveLength(2);
  const [one, two] = service.peers.map((peer) => peer.said("hello")[0]?.session);
  expect(one).not.toBe(two);
  await Promise.all(all.map((rc) => rc.close()));
  expect(profile.names).toEqual([]);
});

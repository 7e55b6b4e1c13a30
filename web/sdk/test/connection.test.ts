// How a connection is made, kept, lost and made again.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BrowserProfile, open, pass, Service, tokenOf } from "./service.js";

let service: Service;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
});
afterEach(() => vi.useRealTimers());

test("it says hello with its token, and is live when it is welcome", async () => {
  const token = tokenOf();
  const rc = open(service, { token, device: "desktop", session: "one" });
  const states: string[] = [];
  rc.on("state", ({ state }) => states.push(state));
  await pass();
  expect(service.peer.url).toBe("wss://rollcall.example.com/api/presence/live/");
  expect(service.peer.heard[0]).toMatchObject({
    type: "hello",
    token,
    session: "one",
    device: "desktop",
    activity: "active",
  });
  expect(states).toEqual(["live"]);
  expect(rc.user).toBe("7");
  await rc.close();
  expect(service.peer.closedWith).toBe(1000);
  expect([rc.state, rc.reason]).toEqual(["stopped", "closed"]);
});

test("a lost connection is made again, after a wait that grows and varies, as the same session", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const rc = open(service);
  await pass(1000);
  service.holdsSockets = true;
  service.peer.end(1006);
  expect(rc.state).toBe("waiting");
  await pass(400);
  expect(service.peers).toHaveLength(1);
  await pass(1000);
  expect(service.peers).toHaveLength(2);
  service.peer.open();
  expect(rc.state).toBe("live");
  const [first, second] = service.peers.map((peer) => peer.said("hello")[0]);
  expect(second?.session).toBe(first?.session);
  await rc.close();
});

test.each([
  [4403, "account_suspended"],
  [4409, "login_ended"],
])("after %i %s it does not return", async (code, word) => {
  const rc = open(service);
  await pass();
  service.peer.goodbye(code, word);
  await pass(120_000);
  expect(service.peers).toHaveLength(1);
  expect([rc.state, rc.reason]).toEqual(["stopped", word]);
});

test.each([
  [1012, "restarting", 7000],
  [4408, "silent", 1000],
  [4429, "rate_limited", 30_000],
])("after %i %s it returns when it is told to", async (code, word, after) => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  const rc = open(service);
  await pass();
  service.peer.goodbye(code, word, after);
  await pass(after - 1000);
  expect(service.peers).toHaveLength(1);
  await pass(2000);
  expect(service.peers).toHaveLength(2);
  expect(rc.state).toBe("live");
  await rc.close();
});

test("after 4401 it fetches another token and returns with that", async () => {
  const tokens = [tokenOf("7", "login", 900), tokenOf("7", "login", 901)];
  const token = vi.fn(async () => tokens.shift() ?? "");
  const rc = open(service, { token });
  await pass();
  service.peer.goodbye(4401, "token_expired");
  await pass(1500);
  expect(token).toHaveBeenCalledTimes(2);
  expect(service.peer.said("hello")[0]?.token).not.toBe(service.peers[0]?.said("hello")[0]?.token);
  expect(rc.state).toBe("live");
  await rc.close();
});

test("a token that cannot be fetched anew ends it, and so does none at all", async () => {
  const fixed = open(service);
  await pass();
  service.peer.goodbye(4401, "token_expired");
  await pass(1500);
  expect([fixed.state, fixed.reason]).toEqual(["stopped", "token_missing"]);
  const none = open(service, { token: () => "" });
  await pass();
  expect([none.state, none.reason]).toEqual(["stopped", "token_missing"]);
});

test("a token is renewed before it ends, on the same socket", async () => {
  const token = vi.fn(() => tokenOf("7", "login", 100));
  const rc = open(service, { token });
  await pass(79_000);
  expect(token).toHaveBeenCalledTimes(1);
  await pass(10_000);
  expect(token).toHaveBeenCalledTimes(2);
  expect(service.peers).toHaveLength(1);
  expect(service.peer.said("hello")).toHaveLength(2);
  await rc.close();
});

test("a token that fails to be renewed leaves the socket alone, and is tried again", async () => {
  let works = true;
  const token = vi.fn(async () => {
    if (!works) throw new Error("no network");
    return tokenOf("7", "login", 100);
  });
  const rc = open(service, { token });
  await pass(10_000);
  works = false;
  await pass(80_000);
  expect(rc.state).toBe("live");
  works = true;
  await pass(6000);
  expect(service.peer.said("hello")).toHaveLength(2);
  await rc.close();
});

test("a token of somebody else ends it", async () => {
  let sub = "7";
  const rc = open(service, { token: () => tokenOf(sub, "login", 100) });
  await pass();
  sub = "8";
  await pass(90_000);
  expect([rc.state, rc.reason]).toEqual(["stopped", "user_changed"]);
});

test("an application that cannot fetch a token is asked again within seconds", async () => {
  const token = vi.fn().mockRejectedValueOnce(new Error("offline")).mockResolvedValue(tokenOf());
  const rc = open(service, { token });
  const errors: string[] = [];
  rc.on("error", ({ code }) => errors.push(code));
  await pass();
  expect([rc.state, errors]).toEqual(["waiting", ["token_failed"]]);
  await pass(9000);
  expect(rc.state).toBe("live");
  await rc.close();
});

test("a silent socket is asked, and given up without an answer", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  const rc = open(service);
  await pass(24_000);
  expect(service.peer.said("heartbeat")).toHaveLength(0);
  await pass(2000);
  expect(service.peer.said("heartbeat")).toHaveLength(1);
  await pass(25_000);
  expect(service.peers).toHaveLength(1);
  const [first] = service.peers;
  if (first) first.answers = false;
  await pass(45_000);
  expect(first?.closedWith).toBe(4000);
  expect(service.peers.length).toBeGreaterThan(1);
  await rc.close();
});

test("a machine that slept asks at once", async () => {
  const rc = open(service);
  await pass(5000);
  vi.setSystemTime(Date.now() + 3_600_000);
  await pass(1000);
  expect(service.peer.said("heartbeat")).toHaveLength(1);
  await rc.close();
});

test("a watch that was refused for now is asked for anew, and nothing else is", async () => {
  const rc = open(service);
  await pass(1000);
  const busy = { type: "error", code: "store_unavailable", detail: "busy", retry_after: 1 };
  service.peer.say(busy);
  expect(rc.state).toBe("live");
  service.peer.answers = false;
  rc.watch("1", () => {});
  await pass();
  service.peer.say(busy);
  expect(rc.state).toBe("waiting");
  await pass(3000);
  expect(rc.state).toBe("live");
  expect(rc.get("1")?.status).toBe("offline");
  await rc.close();
});

test("a page that goes says goodbye, and one that is back connects again", async () => {
  const tab = new BrowserProfile().tab();
  const rc = tab.connect(service);
  await pass();
  tab.happen("pagehide", { persisted: true });
  expect(service.peer.closedWith).toBe(1000);
  tab.happen("pageshow", { persisted: true });
  await pass();
  expect(service.peers).toHaveLength(2);
  expect(rc.state).toBe("live");
  const [first, second] = service.peers.map((peer) => peer.said("hello")[0]);
  expect(second?.session).toBe(first?.session);
  expect(second?.connection).not.toBe(first?.connection);
  await rc.close();
});

test("a page that is seen again, or on the network, does not wait any longer", async () => {
  vi.spyOn(Math, "random").mockReturnValue(1);
  const tab = new BrowserProfile().tab();
  const rc = tab.connect(service);
  await pass(1000);
  service.blocksSockets = true;
  service.refuse = () => Response.error();
  service.peer.end(1006);
  await pass(60_000);
  const tries = service.peers.length;
  service.blocksSockets = false;
  tab.happen("online");
  await pass(1000);
  expect(service.peers.length).toBe(tries + 1);
  expect(rc.state).toBe("live");
  await rc.close();
});

test("idle is told once nobody has touched the page for long enough, and active at once", async () => {
  const tab = new BrowserProfile().tab();
  const rc = tab.connect(service, { idleAfter: 60_000 });
  await pass(30_000);
  tab.happen("pointermove");
  await pass(58_000);
  expect(service.peer.said("heartbeat").every(({ activity }) => activity === "active")).toBe(true);
  await pass(3000);
  const idle = service.peer.said("heartbeat").at(-1);
  expect(idle?.activity).toBe("idle");
  expect(idle?.idle_ms).toBeGreaterThanOrEqual(60_000);
  tab.happen("keydown");
  await pass(1000);
  expect(service.peer.said("heartbeat").at(-1)?.activity).toBe("active");
  await rc.close();
});

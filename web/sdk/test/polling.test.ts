// Without sockets: heartbeats and looks over HTTP.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BrowserProfile, open, pass, Service, tokenOf, view } from "./service.js";

let service: Service;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
});
afterEach(() => vi.useRealTimers());

test("without a class of sockets it beats over HTTP at the pace that it is told", async () => {
  const rc = open(service, { WebSocket: null });
  await pass();
  expect(rc.state).toBe("polling");
  const [beat] = service.asked("users/heartbeat/");
  expect(beat?.body).toMatchObject({ activity: "active", hidden: false });
  expect(beat?.body).not.toHaveProperty("token");
  expect(beat?.body.session).toMatch(/^[\w-]{1,32}$/);
  await pass(29_000);
  expect(service.asked("users/heartbeat/")).toHaveLength(1);
  await pass(2000);
  expect(service.asked("users/heartbeat/")).toHaveLength(2);
  await rc.close();
  const last = service.asked("users/heartbeat/").at(-1);
  expect(last).toMatchObject({ keepalive: true, body: { logout: true } });
  expect(last?.body.connection).toBe(beat?.body.connection);
});

test("those who are watched are looked at with each heartbeat", async () => {
  const rc = open(service, { WebSocket: null });
  const told = vi.fn();
  rc.watch("1", told);
  await pass();
  expect(told).toHaveBeenLastCalledWith(expect.objectContaining({ status: "offline" }));
  service.views.set("1", view("1", "busy", 2));
  await pass(31_000);
  expect(told).toHaveBeenLastCalledWith(expect.objectContaining({ status: "busy" }));
  service.views.set("1", view("1", "away", 1));
  await pass(31_000);
  expect(rc.get("1")?.status).toBe("busy");
  await rc.close();
});

test("where sockets are blocked it falls back, tries them now and then, and returns to them", async () => {
  service.blocksSockets = true;
  const rc = open(service);
  await pass(1000);
  expect(rc.state).toBe("polling");
  await pass(120_000);
  const tries = service.peers.length;
  expect(tries).toBeGreaterThan(2);
  expect(rc.state).toBe("polling");
  service.blocksSockets = false;
  await pass(60_000);
  expect(rc.state).toBe("live");
  expect(service.peers).toHaveLength(tries + 1);
  const beats = service.asked("users/heartbeat/").length;
  await pass(60_000);
  expect(service.asked("users/heartbeat/")).toHaveLength(beats);
  expect(service.peer.said("hello")[0]?.session).toBe(service.requests[0]?.body.session);
  await rc.close();
});

test("a hidden page says so, and a refused token is fetched anew", async () => {
  const tokens = ["first", "second"].map((sid) => tokenOf("7", "login", sid.length * 100));
  const tab = new BrowserProfile().tab();
  tab.document.hidden = true;
  service.refuse = ({ token }) =>
    token === tokens[0] ? Response.json({ code: "token_expired" }, { status: 401 }) : undefined;
  const token = vi.fn(() => tokens[Math.min(1, token.mock.calls.length - 1)] as string);
  const rc = tab.connect(service, { WebSocket: null, token });
  await pass();
  expect(rc.state).toBe("polling");
  expect(token).toHaveBeenCalledTimes(2);
  expect(service.requests.at(-1)).toMatchObject({ token: tokens[1], body: { hidden: true } });
  await rc.close();
});

test("Retry-After is kept, and a banned account is the end", async () => {
  vi.spyOn(Math, "random").mockReturnValue(0);
  service.refuse = () =>
    Response.json({ code: "overloaded" }, { status: 503, headers: { "retry-after": "20" } });
  const rc = open(service, { WebSocket: null });
  await pass(19_000);
  expect([rc.state, rc.reason]).toEqual(["waiting", "overloaded"]);
  expect(service.requests).toHaveLength(1);
  service.refuse = () => Response.json({ code: "account_banned" }, { status: 403 });
  await pass(3000);
  expect([rc.state, rc.reason]).toEqual(["stopped", "account_banned"]);
  await pass(120_000);
  expect(service.requests).toHaveLength(2);
});

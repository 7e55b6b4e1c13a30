// @vitest-environment happy-dom
// The script files, as pages load them: their size, the global, and the dot.

import { gzipSync } from "node:zlib";
import { beforeAll, expect, test, vi } from "vitest";
// @ts-expect-error: a script of the build, without types.
import { dotFile, scriptFile } from "../bundle.mjs";
import type { Options, Rollcall } from "../src/types.js";
import { Service, tokenOf, view } from "./service.js";

interface Page {
  rollcall: { connect(options: Options): Rollcall; use(rc: Rollcall): void };
}

let code: string;

beforeAll(async () => {
  code = await scriptFile();
  // Classic scripts, as a page runs them.
  new Function(code)();
  new Function(await dotFile())();
});

const connect = (service: Service) =>
  (globalThis as unknown as Page).rollcall.connect({
    url: "https://rollcall.example.com",
    token: tokenOf(),
    tabs: false,
    fetch: service.fetch,
    WebSocket: service.SocketClass,
  });

test("it is as small as was promised, and the same each time", async () => {
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(5000);
  expect(await scriptFile()).toBe(code);
  expect(code).not.toMatch(/\beval\b|new Function|innerHTML/);
});

test("it connects, watches and says goodbye, with short names inside", async () => {
  const service = new Service();
  service.views.set("1", view("1"));
  const rc = connect(service);
  const told = vi.fn();
  rc.watch("1", told);
  rc.join("lobby");
  await vi.waitFor(() => expect(told).toHaveBeenCalled());
  expect(rc.state).toBe("live");
  expect(rc.get("1")?.status).toBe("online");
  await rc.setStatus("busy");
  rc.typing("lobby");
  expect(service.peer.said("typing")).toHaveLength(1);
  await rc.close();
  expect(service.peer.closedWith).toBe(1000);
});

test("without sockets it beats over HTTP", async () => {
  const service = new Service();
  service.blocksSockets = true;
  const rc = connect(service);
  await vi.waitFor(() => expect(rc.state).toBe("polling"));
  expect(service.requests[0]?.body).toMatchObject({ activity: "active", device: "web" });
  await rc.close();
  expect(service.requests.at(-1)?.body.logout).toBe(true);
});

test("a dot shows the connection that was made last, in words of the page", async () => {
  const service = new Service();
  service.views.set("1", view("1", "busy"));
  document.body.innerHTML = '<rollcall-dot user="1" label-away="weg"></rollcall-dot>';
  const dot = document.querySelector("rollcall-dot") as HTMLElement;
  const [shape, word] = [...(dot.shadowRoot?.children ?? [])];
  expect(word?.textContent).toBe("offline");
  const rc = connect(service);
  await vi.waitFor(() => expect(word?.textContent).toBe("busy"));
  expect(shape?.className).toBe("busy");
  service.peer.say({ type: "presence", ...view("1", "away", 2) });
  expect(word?.textContent).toBe("weg");
  dot.setAttribute("user", "2");
  await vi.waitFor(() => expect(service.peer.said("unwatch")).toHaveLength(1));
  expect(word?.textContent).toBe("offline");
  dot.remove();
  await vi.waitFor(() => expect(service.peer.said("unwatch")).toHaveLength(2));
  await rc.close();
});

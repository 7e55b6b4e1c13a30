/** The client in real pages against a real service: what others see of a page, and what the audit says of it. */
import { execFileSync } from "node:child_process";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { launch, launchMortal, open } from "../rig/browser.ts";
import { install, seen, state, visit, type Wish } from "../rig/fixture.ts";
import { LINGER, Service, TTL } from "../rig/service.ts";
import { until } from "../rig/until.ts";

let service: Service;
let browser: Browser;
let admin: Api;

beforeAll(async () => {
  service = await Service.start();
  browser = await launch();
  admin = await Api.logIn(service, "admin");
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

/** A profile in which somebody has logged in. */
async function profile(
  account: Account,
  within = browser,
): Promise<{ context: BrowserContext; wish: Wish; faults: string[] }> {
  const { context, faults } = await open(within);
  await install(context, service);
  const { token } = await Api.logIn(service, account.username, account.password);
  return { context, wish: { token }, faults };
}

/** Somebody who looks on from another profile. */
async function watcher(users: string[]): Promise<Page> {
  const { context, wish } = await profile(await admin.person());
  const page = await visit(context, service, { ...wish, watch: { users } });
  await live(page);
  return page;
}

const live = (page: Page) => until("the page is live", async () => (await state(page)) === "live");

const isSeen = (page: Page, user: string, status: string, limit?: number) =>
  until(`${user} is seen ${status}`, async () => (await seen(page, user)) === status, limit);

/** Waits until the service's clock has moved on so far that a goodbye or a silence would have been noticed, and copied. */
async function past(ms: number): Promise<void> {
  const end = (await admin.clock()) + ms + 2000;
  await until("the time has passed", async () => (await admin.clock()) > end, ms + 10_000);
}

/** The reasons of all changes of somebody's status, as the audit has them, about a second later. */
async function recorded(user: string, reasons: string[]): Promise<void> {
  const found = async () => (await admin.transitions(user)).map(({ reason }) => reason);
  await until("the audit has them all", async () => (await found()).length >= reasons.length);
  expect(await found()).toEqual(reasons);
}

test("a page makes its user online for others, within two seconds", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  await isSeen(page, account.id, "offline");
  const { context, wish, faults } = await profile(account);
  const began = Date.now();
  await visit(context, service, wish);
  await isSeen(page, account.id, "online", 2000);
  expect(Date.now() - began).toBeLessThan(4000);
  expect(faults).toEqual([]);
  await context.close();
  await page.context().close();
});

test("what somebody says of themselves is seen, and ends by itself", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  const { context, wish } = await profile(account);
  const own = await visit(context, service, wish);
  await live(own);
  await own.evaluate("rc.setStatus('busy', { text: 'at lunch', emoji: '🍜', expiresIn: 1500 })");
  await isSeen(page, account.id, "busy");
  const view = await page.evaluate((id) => {
    const { rc } = globalThis as unknown as { rc: { get(id: string): object | undefined } };
    return rc.get(id);
  }, account.id);
  expect(view).toMatchObject({ status: "busy", text: "at lunch", emoji: "🍜" });
  await isSeen(page, account.id, "online");
  await context.close();
  await page.context().close();
});

test("a browser that dies is grey when its lease has ended", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  const { browser: mortal, server } = await launchMortal();
  const { context, wish } = await profile(account, mortal);
  await live(await visit(context, service, wish));
  await isSeen(page, account.id, "online");
  await server.kill();
  await isSeen(page, account.id, "offline", TTL + 3000);
  await recorded(account.id, ["login", "expired"]);
  await page.context().close();
});

test.each(["older", "newer"])("of two tabs the %s one closes first", async (first) => {
  const account = await admin.person();
  const { context, wish } = await profile(account);
  const older = await visit(context, service, wish);
  await live(older);
  const newer = await visit(context, service, wish);
  await live(newer);
  const [leaves, stays] = first === "older" ? [older, newer] : [newer, older];
  await leaves.close();
  await past(Math.max(LINGER, TTL));
  await recorded(account.id, ["login"]);
  expect(await admin.status(account.id)).toBe("online");
  expect(await state(stays)).toBe("live");
  await stays.close();
  await recorded(account.id, ["login", "closed"]);
  await context.close();
});

test("tabs of one browser share one socket", async () => {
  const account = await admin.person();
  const { context, wish } = await profile(account);
  let sockets = 0;
  context.on("page", (page) =>
    page.on("websocket", (socket) => {
      sockets += 1;
      socket.on("close", () => {
        sockets -= 1;
      });
    }),
  );
  const pages = [];
  for (let tab = 0; tab < 3; tab += 1) pages.push(await visit(context, service, wish));
  for (const page of pages) await live(page);
  expect(sockets).toBe(1);
  await pages[0]?.close();
  await until("another tab has the socket", () => sockets === 1);
  await context.close();
});

test("a reload is nobody's news", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  const { context, wish } = await profile(account);
  const own = await visit(context, service, wish);
  await live(own);
  await isSeen(page, account.id, "online");
  await recorded(account.id, ["login"]);
  await page.evaluate("told.length = 0");
  for (let time = 0; time < 3; time += 1) {
    await own.reload();
    await live(own);
  }
  await past(Math.max(LINGER, TTL));
  await recorded(account.id, ["login"]);
  const told = await page.evaluate(
    "told.filter(({ name }) => name === 'presence').map(({ news }) => news.status)",
  );
  expect(told).not.toContain("offline");
  await context.close();
  await page.context().close();
});

test("a machine that sleeps is offline, and back when it wakes", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  const { browser: mortal, server } = await launchMortal();
  const { context, wish } = await profile(account, mortal);
  const own = await visit(context, service, wish);
  await live(own);
  await isSeen(page, account.id, "online");
  const processes = family(server.process().pid as number);
  for (const pid of processes) process.kill(pid, "SIGSTOP");
  await isSeen(page, account.id, "offline", TTL + 3000);
  for (const pid of processes) process.kill(pid, "SIGCONT");
  await isSeen(page, account.id, "online", 10_000);
  await live(own);
  await recorded(account.id, ["login", "expired", "connect"]);
  await server.kill();
  await page.context().close();
});

test("a frozen tab comes back to life when it is looked at again", async () => {
  const account = await admin.person();
  const { context, wish } = await profile(account);
  const own = await visit(context, service, wish);
  await live(own);
  const cdp = await context.newCDPSession(own);
  await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
  await past(TTL);
  await cdp.send("Page.setWebLifecycleState", { state: "active" });
  await live(own);
  await until("others see it online", async () => (await admin.status(account.id)) === "online");
  await context.close();
});

test("somebody who is suspended while looking is told so, and does not return", async () => {
  const account = await admin.person();
  const page = await watcher([account.id]);
  const { context, wish } = await profile(account);
  const own = await visit(context, service, wish);
  await live(own);
  await isSeen(page, account.id, "online");
  await admin.post(`/api/users/admin/users/${account.id}/suspend/`, { reason: "a test" });
  await until("the client has stopped", async () => (await state(own)) === "stopped");
  expect(await own.evaluate("rc.reason")).toBe("account_suspended");
  await isSeen(page, account.id, "offline");
  await past(TTL);
  expect(await state(own)).toBe("stopped");
  await recorded(account.id, ["login", "suspended"]);
  const [action] = await admin.actions(account.id);
  expect(action).toMatchObject({ action_type: "USER_SUSPENDED", actor: "admin" });
  await context.close();
  await page.context().close();
});

/** A process and all that descend from it. */
function family(pid: number): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const parents = rows
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const one of found) {
    for (const [child, parent] of parents) if (parent === one && child) found.push(child);
  }
  return found;
}

/** What pages live through without anybody noticing: a node that is killed, a Redis that is killed. */
import type { Browser, Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { launch, open } from "../rig/browser.ts";
import { install, state, visit } from "../rig/fixture.ts";
import { Redis } from "../rig/redis.ts";
import { Service } from "../rig/service.ts";
import { until } from "../rig/until.ts";

/** Longer than an outage here takes, as in life: a lease is for half a minute or more. */
const settings = { ROLLCALL_PRESENCE_SOCKET_PING: "2s", ROLLCALL_PRESENCE_SOCKET_TTL: "40s" };

let service: Service;
let browser: Browser;
let admin: Api;
let account: Account;
let page: Page;

beforeEach(async () => {
  service = await Service.start({ settings });
  browser = await launch();
  admin = await Api.logIn(service, "admin");
  account = await admin.person();
  const { context } = await open(browser);
  await install(context, service);
  const { token } = await Api.logIn(service, account.username, account.password);
  page = await visit(context, service, { token });
  await isState("live");
});

afterEach(async () => {
  await browser?.close();
  await service?.stop();
});

const isState = (wanted: string, limit = 30_000) =>
  until(`the page is ${wanted}`, async () => (await state(page)) === wanted, limit);

async function nothingHappened(): Promise<void> {
  await until(
    "others see it online",
    async () => (await admin.status(account.id)) === "online",
    30_000,
  );
  const statuses = (await admin.transitions(account.id)).map(({ to_status }) => to_status);
  expect(statuses).toEqual(["online"]);
}

test("a node that is killed and comes back", async () => {
  await service.kill();
  await until("the page has noticed", async () => (await state(page)) !== "live");
  await service.begin();
  await isState("live");
  await nothingHappened();
});

test("a node that is stopped in order and comes back", async () => {
  await service.end();
  await until("the page has noticed", async () => (await state(page)) !== "live");
  await service.begin();
  await isState("live");
  await nothingHappened();
});

test("a Redis that is killed and comes back with what it kept", async () => {
  const redis = new Redis(service);
  // What was written in the last second may be lost: it is on the disk when the audit has it for longer.
  const before = await admin.clock();
  await until("a second has passed", async () => (await admin.clock()) > before + 1500);
  await redis.kill();
  await redis.begin();
  try {
    await until(
      "the service works",
      async () => (await admin.status(account.id)) === "online",
      30_000,
    );
    await isState("live");
    await nothingHappened();
  } finally {
    redis.stop();
  }
});

/** The page that is kept open all day: it follows what happens, through outages, and under the pointer nothing moves. */
import { beforeEach, expect, test } from "vitest";
import { Api } from "../rig/api.ts";
import { open } from "../rig/browser.ts";
import { admin, browser, desk, page, service } from "../rig/desk.ts";
import { install, visit } from "../rig/fixture.ts";
import { TTL } from "../rig/service.ts";
import { until } from "../rig/until.ts";

desk();

beforeEach(() => until("the counts have come", async () => (await present()) > 0));

/** How many are present, by the page. */
async function present(): Promise<number> {
  const figure = page.locator(".figure", { hasText: "Present" }).locator(".figure-value");
  return Number(await figure.textContent());
}

/** Somebody comes by a page of an application; the function lets them go. */
async function somebody(): Promise<{ username: string; leave: () => Promise<void> }> {
  const account = await admin.person();
  const { context } = await open(browser);
  await install(context, service);
  const { token } = await Api.logIn(service, account.username, account.password);
  await visit(context, service, { token });
  return { username: account.username, leave: () => context.close() };
}

const feed = () => page.getByRole("region", { name: /^Changes of status/ });

test("counts and changes follow people within two seconds", async () => {
  const before = await present();
  const { username, leave } = await somebody();
  await until("one more is counted", async () => (await present()) === before + 1, 2000);
  await feed().getByText(username).first().waitFor({ timeout: 2000 });
  await leave();
  await until("one fewer is counted", async () => (await present()) === before, TTL + 3000);
});

test("a list that is paused, or pointed at, does not move", async () => {
  const first = await somebody();
  await feed().getByText(first.username).first().waitFor();
  await feed().hover();
  const before = await feed().innerText();
  const second = await somebody();
  const news = page.getByRole("button", { name: /new change/ });
  await news.waitFor();
  expect(await feed().innerText()).toBe(before);
  await news.click();
  await feed().getByText(second.username).first().waitFor();
  await first.leave();
  await second.leave();
});

test("after a restart of the service the page goes on by itself", async () => {
  await service.kill();
  await page.getByText("Interrupted, trying again…").waitFor();
  await service.begin();
  await page.locator("main").getByText("Live", { exact: true }).waitFor({ timeout: 40_000 });
  const { username, leave } = await somebody();
  await feed().getByText(username).first().waitFor();
  await leave();
});

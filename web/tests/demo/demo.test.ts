/** The demo page, as somebody meets it who has just started `rollcall dev --demo`: two windows beside each other. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { violations } from "../rig/axe.ts";
import { launch, open } from "../rig/browser.ts";
import { Service, SHORT, TTL } from "../rig/service.ts";
import { until } from "../rig/until.ts";

let service: Service;
let browser: Browser;
let context: BrowserContext;
let faults: string[];
let left: Page;
let right: Page;

beforeAll(async () => {
  service = await Service.start({ demo: true, settings: SHORT });
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

beforeEach(async () => {
  ({ context, faults } = await open(browser));
  left = await window();
  right = await window();
  return async () => {
    await context.close();
    expect(faults).toEqual([]);
  };
});

/** A new window of the demo, when it is live. */
async function window(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${service.base}/demo/`);
  await page.locator("#state.live").waitFor();
  return page;
}

/** Who a window is, by user id. */
async function person(page: Page): Promise<string> {
  const own = page.locator("#wall li", { has: page.locator(".tag") });
  return (await own.getAttribute("data-user")) ?? "";
}

/** Somebody's card on the other's wall. */
const card = (page: Page, id: string, status?: string) =>
  page.locator(`#wall li[data-user="${id}"]${status ? `[data-status="${status}"]` : ""}`);

test("two windows are two people who see each other come and go", async () => {
  const other = await person(right);
  expect(other).not.toBe(await person(left));
  await card(left, other, "online").waitFor();
  await right.getByRole("button", { name: "Say goodbye" }).click();
  await card(left, other).waitFor({ state: "detached" });
  await right.getByRole("button", { name: "Come back" }).click();
  await card(left, other, "online").waitFor();
});

test("a reload keeps the person, and nobody sees them leave", async () => {
  const other = await person(right);
  await card(left, other).waitFor();
  await left.evaluate((id) => {
    const seen = globalThis as unknown as { gone: boolean };
    seen.gone = false;
    new MutationObserver(() => {
      if (!document.querySelector(`#wall li[data-user="${id}"]`)) seen.gone = true;
    }).observe(document.body, { childList: true, subtree: true });
  }, other);
  await right.reload();
  await right.locator("#state.live").waitFor();
  expect(await person(right)).toBe(other);
  expect(await left.evaluate("gone")).toBe(false);
});

test("others see that somebody types, and not what", async () => {
  await card(left, await person(right)).waitFor();
  await right.locator("#message").pressSequentially("a secret");
  await left.locator("#typists", { hasText: "is typing" }).waitFor();
  expect(await left.content()).not.toContain("a secret");
  await right.locator("#message").fill("");
  await until("no longer", async () => (await left.locator("#typists").textContent()) === "");
});

test("busy with words, and invisible", async () => {
  const other = await person(right);
  await right.getByLabel("Words").fill("in a meeting");
  await right.getByRole("button", { name: "busy" }).click();
  await card(left, other, "busy").getByText("in a meeting").waitFor();
  await right.getByRole("button", { name: "invisible" }).click();
  await card(left, other).waitFor({ state: "detached" });
  await right.getByRole("button", { name: "online" }).click();
  await card(left, other, "online").waitFor();
});

test("a network that is dropped is noticed when the lease ends, not before", async () => {
  const other = await person(right);
  await card(left, other, "online").waitFor();
  await right.getByRole("button", { name: "Drop my network" }).click();
  const dropped = Date.now();
  await card(left, other).waitFor({ state: "detached", timeout: TTL + 5000 });
  expect(Date.now() - dropped).toBeGreaterThan(TTL - 2000);
  await right.getByRole("button", { name: "Bring it back" }).click();
  await card(left, other, "online").waitFor();
});

test.each(["light", "dark"] as const)("nobody is kept out, in %s", async (colorScheme) => {
  await left.emulateMedia({ colorScheme });
  expect(await violations(left)).toEqual([]);
});

test("it fits a phone", async () => {
  await left.setViewportSize({ width: 390, height: 844 });
  const wide = await left.evaluate("document.documentElement.scrollWidth");
  expect(wide).toBeLessThanOrEqual(390);
});

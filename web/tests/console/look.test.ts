/** Every page of the console, light and dark, wide and on a phone: accessible, within its policy, without errors. */
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api } from "../rig/api.ts";
import { violations } from "../rig/axe.ts";
import { launch, open } from "../rig/browser.ts";
import { PLACES, signIn, visit } from "../rig/console.ts";
import { Service } from "../rig/service.ts";

let service: Service;
let browser: Browser;
let person: string;

beforeAll(async () => {
  service = await Service.start();
  browser = await launch();
  const admin = await Api.logIn(service, "admin");
  // Something to be seen: a history, an action, somebody who waits for approval, somebody suspended.
  const account = await admin.person({ first_name: "Ada", last_name: "Berg" });
  await Api.logIn(service, account.username, account.password);
  await admin.person({ status: "pending" });
  const other = await admin.person();
  await admin.post(`/api/users/admin/users/${other.id}/suspend/`, { reason: "a test" });
  person = account.id;
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

const LOOKS: [string, BrowserContextOptions][] = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["on a phone", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
];

test.each(LOOKS)("every page is accessible and within its policy, %s", async (_, options) => {
  const { context, faults } = await open(browser, options);
  const page = await context.newPage();
  const found: string[] = [];
  const look = async (name: string) => {
    found.push(...(await violations(page)).map((line) => `${name}: ${line}`));
    const troubles = await page.getByRole("main").getByRole("alert").allTextContents();
    found.push(...troubles.map((words) => `${name}: ${words}`));
    const width = await page.evaluate<number>("document.documentElement.scrollWidth");
    const room = page.viewportSize()?.width ?? width;
    if (width > room) found.push(`${name}: ${width} px wide`);
  };
  await page.goto(`${service.base}/console/`);
  await page.getByLabel("Password").waitFor();
  await look("sign in");
  await signIn(page, service);
  for (const { name, path } of [...PLACES, { name: "person", path: `/people/${person}` }]) {
    await visit(page, service, path);
    await look(name);
  }
  expect(found).toEqual([]);
  expect(faults).toEqual([]);
  await context.close();
});

/** The way into the console and out of it: passwords, a second factor, roles, and accounts that are shut out meanwhile. */
import { createHmac } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { launch, open } from "../rig/browser.ts";
import { signIn } from "../rig/console.ts";
import { Service } from "../rig/service.ts";

let service: Service;
let browser: Browser;
let admin: Api;
let page: Page;

beforeAll(async () => {
  service = await Service.start();
  browser = await launch();
  admin = await Api.logIn(service, "admin");
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
});

beforeEach(async () => {
  const { context } = await open(browser);
  page = await context.newPage();
  return () => context.close();
});

async function tryToSignIn(account: Pick<Account, "username" | "password">): Promise<void> {
  await page.goto(`${service.base}/console/`);
  await page.getByLabel("User name").fill(account.username);
  await page.getByLabel("Password").fill(account.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const navigation = () => page.getByRole("navigation", { name: "Pages" });

test("a wrong password is refused, the right one lets in, also after a reload", async () => {
  await tryToSignIn({ username: "admin", password: "not the password" });
  await page.getByRole("alert").waitFor();
  expect(await navigation().isVisible()).toBe(false);
  await signIn(page, service);
  await page.reload();
  await navigation().waitFor();
});

test("signing out ends the login", async () => {
  await signIn(page, service);
  await page.getByRole("button", { name: "Appearance and sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  await page.reload();
  await page.getByLabel("Password").waitFor();
  const { results } = await admin.get<{ results: { actor: string }[] }>(
    "/api/admin/audit-logs/?action=USER_LOGOUT&limit=1",
  );
  expect(results[0]?.actor).toBe("admin");
});

test("an address below the console leads there after signing in", async () => {
  await page.goto(`${service.base}/console/people`);
  await page.getByLabel("User name").fill("admin");
  await page.getByLabel("Password").fill(service.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "People", level: 1 }).waitFor();
});

test.each([
  ["admin", ["Now", "People", "History", "Audit", "Approvals", "Settings"]],
  ["moderator", ["Now", "People"]],
])("the role of %s decides what is there", async (username, titles) => {
  await signIn(page, service, username);
  expect(await navigation().getByRole("link").allTextContents()).toEqual(titles);
});

test("a page that is not for a role says so", async () => {
  await signIn(page, service, "moderator");
  await page.goto(`${service.base}/console/audit`);
  await page.getByRole("heading", { name: "This page is not for your role" }).waitFor();
});

test("a second factor is asked for", async () => {
  const account = await admin.person({ role: "moderator" });
  const own = await Api.logIn(service, account.username, account.password);
  const { secret } = await own.post<{ secret: string }>("/api/auth/totp/", {
    password: account.password,
  });
  const now = Math.floor(Date.now() / 30_000);
  await own.post("/api/auth/totp/confirm/", { totp: code(secret, now) });
  await tryToSignIn(account);
  const field = page.getByLabel("Code of your authenticator");
  // Each code is good once, and one may be a step early.
  await field.fill(code(secret, now + 1));
  await page.getByRole("button", { name: "Sign in" }).click();
  await navigation().waitFor();
});

test("whoever is suspended meanwhile is told so, and sees nothing more", async () => {
  const account = await admin.person({ role: "moderator" });
  await tryToSignIn(account);
  await navigation().waitFor();
  await admin.post(`/api/users/admin/users/${account.id}/suspend/`, { reason: "a test" });
  await navigation().getByRole("link", { name: "People" }).click();
  await page.getByText("Your account is suspended").waitFor();
  expect(await page.getByRole("table").count()).toBe(0);
});

/** RFC 6238: SHA-1, six digits, by the number of the step of 30 s. */
function code(secret: string, step: number): string {
  const bits = [...secret.replace(/=+$/, "")]
    .map((letter) =>
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
    )
    .join("");
  const bytes = bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", Buffer.from(bytes)).update(counter).digest();
  const at = (digest[19] ?? 0) & 15;
  return String((digest.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

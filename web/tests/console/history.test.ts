/** The history: it names people without asking for each, and reads again what stands still. */
import { beforeAll, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { visit } from "../rig/console.ts";
import { admin, desk, page, service } from "../rig/desk.ts";
import { until } from "../rig/until.ts";

desk();

let accounts: Account[];

beforeAll(async () => {
  accounts = [];
  for (const first_name of ["Ada", "Alan", "Barbara"]) {
    const account = await admin.person({ first_name, last_name: "Remembered" });
    await Api.logIn(service, account.username, account.password);
    accounts.push(account);
  }
});

/** The addresses of the service that the page asks for from now on. */
function asked(): URL[] {
  const urls: URL[] = [];
  page.on("request", (request) => urls.push(new URL(request.url())));
  return urls;
}

test("the names in a list are asked for together", async () => {
  // The page that signing in leads to may still be asking.
  await page.goto("about:blank");
  const urls = asked();
  await visit(page, service, "/history");
  for (const { username } of accounts)
    await page.getByRole("link", { name: username }).first().waitFor();
  const people = urls.filter(({ pathname }) => pathname.startsWith("/api/users/admin/users/"));
  expect(people.map(({ pathname }) => pathname)).toEqual(["/api/users/admin/users/"]);
  expect(people[0]?.searchParams.get("ids")?.split(",").length).toBeGreaterThanOrEqual(3);
});

test("a span that stands still is read again when asked to", async () => {
  const to = new Date(Date.now() + 3_600_000).toISOString();
  await visit(page, service, `/history?view=online&span=custom&to=${to}`);
  const urls = asked();
  await page.getByRole("button", { name: "Refresh" }).click();
  const again = () => urls.find(({ pathname }) => pathname.includes("/figures/concurrency/"));
  await until("it is read again", async () => again() !== undefined);
  expect(again()?.searchParams.get("to")).toBe(to);
});

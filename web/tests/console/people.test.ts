/** The table of everybody: it searches, follows, keeps its filters in the address, and acts on many at once. */
import { beforeAll, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { confirm, settled, visit } from "../rig/console.ts";
import { admin, desk, page, service } from "../rig/desk.ts";
import { until } from "../rig/until.ts";

desk();

let accounts: Account[];

beforeAll(async () => {
  accounts = [];
  for (const first_name of ["Ada", "Alan", "Barbara"]) {
    accounts.push(await admin.person({ first_name, last_name: "Searchable" }));
  }
});

const table = () => page.getByRole("table", { name: "People" });
const row = (name: string) => table().locator("tr", { hasText: name });

test("a search is kept in the address, and goes on after a reload", async () => {
  await visit(page, service, "/people");
  await page.getByLabel("Search people").fill("searchable");
  await until("three are found", async () => (await table().getAttribute("aria-rowcount")) === "4");
  expect(new URL(page.url()).searchParams.get("search")).toBe("searchable");
  await page.reload();
  await settled(page);
  expect(await table().getAttribute("aria-rowcount")).toBe("4");
});

test("dots follow those who are in view", async () => {
  await visit(page, service, "/people?search=searchable");
  const [ada] = accounts as [Account];
  await row("Ada Searchable").getByText("Offline").waitFor();
  const own = await Api.logIn(service, ada.username, ada.password);
  await row("Ada Searchable").getByText("Online").waitFor({ timeout: 4000 });
  await own.send("PUT", "/api/presence/status/", { status: "busy" });
  await row("Ada Searchable").getByText("Busy").waitFor({ timeout: 4000 });
});

test("many are suspended at once, each with a record of its own", async () => {
  await visit(page, service, "/people?search=searchable");
  for (const name of ["Alan", "Barbara"]) {
    await row(`${name} Searchable`).getByRole("checkbox").check();
  }
  await page.getByRole("button", { name: "Do with them" }).click();
  await page.getByRole("menuitem", { name: "Suspend" }).click();
  await confirm(page, "Suspend", "both of them");
  for (const account of accounts.slice(1)) {
    const [action] = await admin.actions(account.id);
    expect(action).toMatchObject({ action_type: "USER_SUSPENDED", actor: "admin" });
    expect(JSON.stringify(action)).toContain("both of them");
  }
  await row("Alan Searchable").getByText("Suspended").waitFor();
});

test("an export is a file, and recorded", async () => {
  await visit(page, service, "/people?search=searchable");
  await page.getByRole("button", { name: "Export" }).click();
  const downloading = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: /^CSV/ }).click();
  const file = await downloading;
  expect(file.suggestedFilename()).toBe("people.csv");
  const { results } = await admin.get<{ results: { actor: string }[] }>(
    "/api/admin/audit-logs/?action=DATA_EXPORTED&limit=1",
  );
  expect(results[0]?.actor).toBe("admin");
});

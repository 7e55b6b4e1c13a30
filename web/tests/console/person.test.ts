/** What an administrator does to somebody on their page: it is done, and the audit has it once, with who, whom and why. */
import { afterEach, expect, test } from "vitest";
import { type Account, Api } from "../rig/api.ts";
import { confirm, visit } from "../rig/console.ts";
import { admin, desk, faults, page, service } from "../rig/desk.ts";
import { until } from "../rig/until.ts";

desk();

afterEach(() => expect(faults).toEqual([]));

/** One entry of the menu of actions. */
interface Case {
  words: string;
  recorded: string;
  /** The account before. */
  fields?: Record<string, string>;
  before?: (account: Account) => Promise<unknown>;
  /** The account's standing after. */
  standing: string;
}

const decided = (what: string) => (account: Account) =>
  admin.post(`/api/users/admin/users/${account.id}/${what}/`);

const CASES: Case[] = [
  {
    words: "Approve",
    recorded: "USER_APPROVED",
    fields: { status: "pending" },
    standing: "active",
  },
  { words: "Reject", recorded: "USER_REJECTED", fields: { status: "pending" }, standing: "banned" },
  { words: "Suspend", recorded: "USER_SUSPENDED", standing: "suspended" },
  { words: "Ban", recorded: "USER_BANNED", standing: "banned" },
  { words: "Activate", recorded: "USER_ACTIVATED", before: decided("ban"), standing: "active" },
  { words: "Set status", recorded: "ONLINE_STATUS_SET", standing: "active" },
  {
    words: "Take the set status back",
    recorded: "ONLINE_STATUS_CLEARED",
    before: ({ id }) =>
      admin.post(`/api/users/admin/users/${id}/set-online-status/`, { status: "busy" }),
    standing: "active",
  },
  { words: "Log out everywhere", recorded: "FORCE_LOGOUT", standing: "active" },
];

test.each(CASES)("$words is done and recorded", async ({ words, recorded, ...rest }) => {
  const account = await admin.person(rest.fields);
  if (account && !rest.fields) await Api.logIn(service, account.username, account.password);
  await rest.before?.(account);
  await visit(page, service, `/people/${account.id}`);
  await page.getByRole("button", { name: "Actions", exact: true }).click();
  await page.getByRole("menuitem", { name: `${words}…` }).click();
  await confirm(page, words, `because of ${words}`);
  const mine = (await admin.actions(account.id)).filter((row) => row.action_type === recorded);
  expect(mine).toHaveLength(1);
  expect(mine[0]).toMatchObject({ actor: "admin", target_id: account.id });
  expect(JSON.stringify(mine[0])).toContain(`because of ${words}`);
  const { display_status } = await admin.get<{ display_status: string }>(
    `/api/users/admin/users/${account.id}/`,
  );
  expect(display_status).toBe(rest.standing);
});

test("a suspension of somebody present is seen on the page at once", async () => {
  const account = await admin.person();
  await Api.logIn(service, account.username, account.password);
  await visit(page, service, `/people/${account.id}`);
  await page.getByRole("button", { name: "Actions", exact: true }).click();
  await page.getByRole("menuitem", { name: "Suspend…" }).click();
  await confirm(page, "Suspend", "a test");
  await page.locator("main").getByText("Offline").first().waitFor();
  await page.locator("main").getByText("Suspended").first().waitFor();
  await until("the history has it", async () => {
    const last = (await admin.transitions(account.id)).at(-1);
    return last?.to_status === "offline" && last.reason === "suspended";
  });
});

test("one login is ended, and the other goes on", async () => {
  const account = await admin.person();
  const first = await Api.logIn(service, account.username, account.password);
  const second = await Api.logIn(service, account.username, account.password);
  await visit(page, service, `/people/${account.id}`);
  const rows = page.getByRole("table", { name: "Logins" }).locator("tbody tr");
  await until("both logins are listed", async () => (await rows.count()) === 2);
  await rows.first().getByRole("button", { name: /^End/ }).click();
  await confirm(page, "End login");
  await until("one login is left", async () => (await rows.count()) === 1);
  const alive = async (api: Api) =>
    api
      .get("/api/auth/me/")
      .then(() => true)
      .catch(() => false);
  expect([await alive(first), await alive(second)].filter(Boolean)).toHaveLength(1);
  const types = (await admin.actions(account.id)).map(({ action_type }) => action_type);
  expect(types).toContain("FORCE_LOGOUT");
});

test("whoever looks behind somebody's invisibility gives a reason, which is kept", async () => {
  const account = await admin.person();
  const own = await Api.logIn(service, account.username, account.password);
  await own.send("PUT", "/api/presence/status/", { status: "invisible" });
  await visit(page, service, `/people/${account.id}`);
  await page.getByRole("button", { name: "Show the unseen" }).click();
  await confirm(page, "Show it", "a complaint");
  await page.getByText("You see what was done unseen.").waitFor();
  const revealed = (await admin.actions(account.id)).filter(
    ({ action_type }) => action_type === "PRESENCE_REVEALED",
  );
  expect(revealed.length).toBeGreaterThan(0);
  expect(JSON.stringify(revealed)).toContain("a complaint");
});

/** Approvals and settings: keys, webhooks and blocked networks are made, changed and taken back, and the audit has each step. */
import { expect, test } from "vitest";
import { type Account, type Action, Api } from "../rig/api.ts";
import { confirm, visit } from "../rig/console.ts";
import { admin, desk, page, service } from "../rig/desk.ts";
import { SHORT } from "../rig/service.ts";
import { until } from "../rig/until.ts";

desk({ settings: { ...SHORT, ROLLCALL_WEBHOOKS_ALLOW_PRIVATE: "true" } });

/** What the audit has of one kind of action, waited for: the newest. */
function recorded(action: string): Promise<Action> {
  return until(`${action} is in the audit`, async () => {
    const found = await admin.get<{ results: Action[] }>(
      `/api/admin/audit-logs/?action=${action}&limit=1`,
    );
    return found.results[0];
  });
}

const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });

test("people who wait are let in by a key, and turned away with a reason", async () => {
  const welcome = await admin.person({ status: "pending" });
  const unwelcome = await admin.person({ status: "pending" });
  await visit(page, service, "/approvals");
  await page.getByLabel(`Choose ${welcome.username}`).focus();
  await page.keyboard.press("a");
  const row = (account: Account) => page.locator("tr", { hasText: account.username });
  await row(welcome).getByText("let in", { exact: true }).waitFor();
  await row(unwelcome)
    .getByRole("button", { name: /^Turn away/ })
    .click();
  await confirm(page, "Turn away", "nobody knows them");
  await row(unwelcome).getByText("turned away", { exact: true }).waitFor();
  expect((await admin.actions(welcome.id))[0]?.action_type).toBe("USER_APPROVED");
  const [rejected] = await admin.actions(unwelcome.id);
  expect(rejected?.action_type).toBe("USER_REJECTED");
  expect(JSON.stringify(rejected)).toContain("nobody knows them");
});

test("a service key is made, shown once, and revoked", async () => {
  await visit(page, service, "/settings?view=keys");
  await button("New key").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("shop");
  await dialog.getByLabel("presence:read").check();
  await button("Make the key").click();
  const key = await dialog.getByLabel("Secret").inputValue();
  await button("I have kept it").click();
  const shop = new Api(service.base, key);
  await shop.post("/api/presence/query/", { users: ["1"] });
  expect((await recorded("SERVICE_KEY_CREATED")).actor).toBe("admin");
  expect(await page.content()).not.toContain(key);
  await button("Revoke shop").click();
  await confirm(page, "Revoke");
  expect((await recorded("SERVICE_KEY_REVOKED")).actor).toBe("admin");
  await until("the key is refused", () =>
    shop.post("/api/presence/query/", { users: ["1"] }).then(
      () => false,
      () => true,
    ),
  );
});

test("a webhook is made, tried, paused, given a new secret, and deleted", async () => {
  await visit(page, service, "/settings?view=webhooks");
  await button("New webhook").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("hook");
  // Nobody listens there, which is what the trial says.
  await dialog.getByLabel("Address").fill("http://127.0.0.1:9/hook");
  await button("Make the webhook").click();
  await dialog.getByLabel("Secret").waitFor();
  await button("I have kept it").click();
  await recorded("WEBHOOK_CREATED");
  await page.getByRole("link", { name: "hook", exact: true }).click();
  await page.getByRole("button", { name: /trial|test|try/i }).click();
  await page.getByText("It did not take the trial").waitFor();
  await recorded("WEBHOOK_TESTED");
  const choose = async (name: string) => {
    await button("More for hook").click();
    await page.getByRole("menuitem", { name }).click();
  };
  await choose("Pause");
  await confirm(page, "Pause");
  await recorded("WEBHOOK_CHANGED");
  await page.getByText("paused", { exact: true }).waitFor();
  await choose("New secret");
  await button("Make a new secret").click();
  await dialog.getByLabel("Secret").waitFor();
  await button("I have kept it").click();
  await recorded("WEBHOOK_SECRET_ROTATED");
  await choose("Delete");
  await confirm(page, "Delete");
  await recorded("WEBHOOK_DELETED");
  await page.getByText("No webhook yet").waitFor();
});

test("a network is blocked, and let in again", async () => {
  await visit(page, service, "/settings?view=blocks");
  await button("Block a network").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Address or network").fill("203.0.113.0/24");
  await dialog.getByLabel("Reason").fill("it knocks too often");
  await dialog.getByRole("button", { name: /^Block/ }).click();
  await page.getByText("203.0.113.0/24 is blocked.").waitFor();
  const blocked = await recorded("ADDRESS_BLOCKED");
  expect(JSON.stringify(blocked)).toContain("it knocks too often");
  await button("Lift the block of 203.0.113.0/24").click();
  await confirm(page, "Lift the block");
  await recorded("ADDRESS_UNBLOCKED");
});

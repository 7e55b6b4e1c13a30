/** The console as an administrator uses it: the way in, its pages, and when a page is done with loading. */
import type { Page } from "playwright-core";
import type { Service } from "./service.ts";
import { until } from "./until.ts";

/** A page of the console. */
export interface Place {
  name: string;
  /** Below `/console`. */
  path: string;
}

/** Every page of the console, and every part of it that has an address, but for those of one person. */
export const PLACES: Place[] = [
  { name: "now", path: "/" },
  { name: "people", path: "/people" },
  { name: "history", path: "/history" },
  { name: "history-moment", path: "/history?view=moment" },
  { name: "history-online", path: "/history?view=online" },
  { name: "history-people", path: "/history?view=people" },
  { name: "history-sessions", path: "/history?view=sessions" },
  { name: "history-totals", path: "/history?view=totals" },
  { name: "audit", path: "/audit" },
  { name: "audit-counts", path: "/audit?view=counts" },
  { name: "approvals", path: "/approvals" },
  { name: "settings", path: "/settings" },
  { name: "settings-keys", path: "/settings?view=keys" },
  { name: "settings-webhooks", path: "/settings?view=webhooks" },
  { name: "settings-blocks", path: "/settings?view=blocks" },
];

/** Signs in by the form, as somebody sitting there does. */
export async function signIn(page: Page, service: Service, username = "admin"): Promise<void> {
  await page.goto(`${service.base}/console/`);
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password").fill(service.password);
  const inside = page.getByRole("navigation", { name: "Pages" });
  const refused = page.getByRole("alert");
  await until(
    "signed in",
    async () => {
      await page.getByRole("button", { name: "Sign in" }).click();
      await inside.or(refused).first().waitFor();
      // A service that is busy with other people's passwords says so, and somebody sitting there tries again.
      return inside.isVisible();
    },
    60_000,
  );
}

/** Goes to a page and waits until it shows what it has. */
export async function visit(page: Page, service: Service, path: string): Promise<void> {
  await page.goto(`${service.base}/console${path}`);
  await settled(page);
}

/** Waits until the page has its heading and nothing on it is still loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(
    () => !document.querySelector('main .skeleton, main [aria-busy="true"], main .loading'),
  );
}

/** Gives the open dialog its reason, if it asks for one, and says yes; waits until the dialog is gone. */
export async function confirm(page: Page, verb: string, reason?: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  if (reason !== undefined) await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByRole("button", { name: verb, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

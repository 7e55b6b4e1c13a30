/**
 * A page of an application that uses the script file: the smallest there is, below the service's own origin and under its
 * strict policy. The browser is handed it instead of asking the service, which has no such page.
 */
import type { BrowserContext, Page } from "playwright-core";
import type { Service } from "./service.ts";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const HTML = `<!doctype html><html lang="en"><title>fixture</title>
<script src="/sdk/rollcall.js"></script><script src="/sdk/dot.js"></script><script src="/fixture/page.js"></script>
<h1>An application</h1><rollcall-dot></rollcall-dot>`;
/** Connects as `wish` says, and keeps what it is told. */
const SCRIPT = `
const { token, options, watch } = JSON.parse(sessionStorage.wish ?? localStorage.wish);
window.told = [];
window.rc = rollcall.connect({ url: "", token, ...options });
for (const name of ["state", "presence", "counts", "room", "status", "error"])
  rc.on(name, (news) => told.push({ name, news }));
if (watch) rc.watch(watch, (view) => told.push({ name: "view", news: view }));
`;

/** How the page connects. */
export interface Wish {
  token: string;
  /** Further options of \`connect\`. */
  options?: object;
  /** What it watches. */
  watch?: string[] | { users?: string[]; orgs?: string[]; rooms?: string[] };
}

/** Makes the page known to a profile, in which it is opened by {@link visit}. */
export async function install(context: BrowserContext, service: Service): Promise<void> {
  // A page that was handed over comes from nowhere, and only pages of this machine may open sockets to it without asking.
  await context.grantPermissions(["local-network-access"], { origin: service.base });
  await context.route(`${service.base}/fixture/`, (route) =>
    route.fulfill({
      contentType: "text/html",
      headers: { "content-security-policy": POLICY },
      body: HTML,
    }),
  );
  await context.route(`${service.base}/fixture/page.js`, (route) =>
    route.fulfill({ contentType: "text/javascript", body: SCRIPT }),
  );
}

/** Opens the page in a new tab. */
export async function visit(context: BrowserContext, service: Service, wish: Wish): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript((text) => {
    sessionStorage.wish = text;
  }, JSON.stringify(wish));
  await page.goto(`${service.base}/fixture/`);
  return page;
}

/** The state of a page's connection. */
export function state(page: Page): Promise<string> {
  return page.evaluate("rc.state");
}

/** How a page sees somebody. */
export function seen(page: Page, user: string): Promise<string | undefined> {
  return page.evaluate((id) => {
    const { rc } = globalThis as unknown as {
      rc: { get(id: string): { status: string } | undefined };
    };
    return rc.get(id)?.status;
  }, user);
}

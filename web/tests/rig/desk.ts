/** What most tests of the console sit at: a service, a browser, and for each test a page of an administrator who has signed in. */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { Api } from "./api.ts";
import { launch, open } from "./browser.ts";
import { signIn } from "./console.ts";
import { Service } from "./service.ts";

export let service: Service;
export let browser: Browser;
/** The administrator, by the API. */
export let admin: Api;
export let page: Page;
/** What the page complained of. */
export let faults: string[];

/** Sets it up for a file of tests, and clears it away. Each file has its own. */
export function desk(options: Parameters<typeof Service.start>[0] = {}): void {
  beforeAll(async () => {
    service = await Service.start(options);
    browser = await launch();
    admin = await Api.logIn(service, "admin");
  });

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });

  beforeEach(async () => {
    const profile = await open(browser);
    faults = profile.faults;
    // A file is saved by a link, and not by a dialog of the system's that no test can answer.
    await profile.context.addInitScript("delete globalThis.showSaveFilePicker");
    page = await profile.context.newPage();
    await signIn(page, service);
  });

  afterEach(async () => {
    await page.context().close();
  });
}

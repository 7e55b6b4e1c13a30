/**
 * How quick the console is with 100 000 accounts: the time to its first view, and the tasks that keep the page from answering while the
 * table scrolls. Figures are printed; nothing fails, because a machine that does other things measures those, too.
 */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { Api } from "../rig/api.ts";
import { launch, open } from "../rig/browser.ts";
import { signIn, visit } from "../rig/console.ts";
import { Service } from "../rig/service.ts";

const PEOPLE = 100_000;
/** The most that a file may have. */
const LINES = 10_000;
const ROUNDS = 5;
/** Turns of the wheel, and how far each goes, in px. */
const TURNS = 120;
const TURN = 900;

const FIRST = [
  "Ada",
  "Alan",
  "Barbara",
  "Claude",
  "Dorothy",
  "Edsger",
  "Frances",
  "Grace",
  "Hedy",
  "Ivan",
];
const LAST = [
  "Berg",
  "Castro",
  "Dubois",
  "Eriksen",
  "Fischer",
  "Garcia",
  "Haddad",
  "Ivanova",
  "Jansen",
];

test("the console with 100 000 people", async () => {
  const service = await Service.start({ settings: {} });
  const browser = await launch();
  try {
    const admin = await Api.logIn(service, "admin");
    await fill(admin);
    const { context } = await open(browser, { viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(watchTasks);
    await signIn(page, service);
    for (const path of ["/", "/people"])
      report(`first view of /console${path}`, await firstViews(page, service, path));
    await visit(page, service, "/people");
    report("tasks over 50 ms while scrolling", await scroll(page));
  } finally {
    await browser.close();
    await service.stop();
  }
});

async function fill(admin: Api): Promise<void> {
  for (let from = 0; from < PEOPLE; from += LINES) {
    const lines = ["username,email,first_name,last_name"];
    for (let number = from; number < from + LINES; number += 1) {
      const first = FIRST[number % FIRST.length];
      const last = LAST[Math.floor(number / FIRST.length) % LAST.length];
      const username = `${first}.${last}.${number}`.toLowerCase();
      lines.push(`${username},${username}@example.com,${first},${last}`);
    }
    const answer = await fetch(`${admin.base}/api/users/admin/users/import/`, {
      method: "POST",
      headers: { authorization: `Bearer ${admin.token}`, "content-type": "text/csv" },
      body: lines.join("\n"),
    });
    expect(answer.status, await answer.text()).toBeLessThan(300);
  }
}

/** Runs in the page, before anything of it. */
function watchTasks(): void {
  const kept = globalThis as unknown as { tasks: number[] };
  kept.tasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) kept.tasks.push(Math.round(entry.duration));
  }).observe({ type: "longtask", buffered: true });
}

/** From the navigation to the moment at which the page shows what it has, in ms, signed in, by a cold and by warm caches. */
async function firstViews(page: Page, service: Service, path: string): Promise<number[]> {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await page.goto("about:blank");
    await visit(page, service, path);
    times.push(Math.round(await page.evaluate<number>("performance.now()")));
  }
  return times;
}

async function scroll(page: Page): Promise<number[]> {
  await page.evaluate("tasks.length = 0");
  await page.locator("main table").first().hover();
  for (let turn = 0; turn < TURNS; turn += 1) {
    await page.mouse.wheel(0, TURN);
    await page.evaluate("new Promise(requestAnimationFrame)");
  }
  return page.evaluate("tasks");
}

function report(what: string, figures: number[]): void {
  process.stdout.write(`${what}: ${figures.length ? `${figures.join(", ")} ms` : "none"}\n`);
}

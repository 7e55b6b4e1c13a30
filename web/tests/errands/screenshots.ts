/** Pictures of every page for the documentation, of a service with a crowd: docs/screenshots/<page>-<light|dark|phone>.png. */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { BrowserContextOptions } from "playwright-core";
import { test } from "vitest";
import { Api } from "../rig/api.ts";
import { launch, open } from "../rig/browser.ts";
import { PLACES, signIn, visit } from "../rig/console.ts";
import { Service } from "../rig/service.ts";
import { until } from "../rig/until.ts";

const TO = resolve(import.meta.dirname, "../../../docs/screenshots");
const LOOKS: Record<string, BrowserContextOptions> = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  phone: {
    viewport: { width: 390, height: 844 },
    colorScheme: "light",
    isMobile: true,
    hasTouch: true,
  },
};
/** So many of the crowd have come before a picture is worth taking. */
const ENOUGH = 120;

test("pictures", async () => {
  mkdirSync(TO, { recursive: true });
  const service = await Service.start({ demo: true, settings: {} });
  const browser = await launch();
  try {
    // At the start the crowd keeps the service busy with passwords.
    const admin = await until("a login", () => Api.logIn(service, "admin"), 120_000);
    const count = () => admin.get<{ users: number }>("/api/presence/stats/");
    await until("a crowd", async () => (await count()).users > ENOUGH, 120_000);
    const { results } = await admin.get<{ results: { id: number }[] }>(
      "/api/users/admin/users/?search=ada.berg",
    );
    const pages = PLACES.filter(({ path }) => !path.includes("?"));
    const places = [...pages, { name: "person", path: `/people/${results[0]?.id}` }];
    for (const [look, options] of Object.entries(LOOKS)) {
      const { context } = await open(browser, options);
      const page = await context.newPage();
      await page.goto(`${service.base}/console/`);
      await page.getByLabel("Password").waitFor();
      await page.screenshot({ path: `${TO}/sign-in-${look}.png` });
      await signIn(page, service);
      for (const { name, path } of places) {
        await visit(page, service, path);
        await page.screenshot({ path: `${TO}/${name}-${look}.png` });
      }
      await page.goto(`${service.base}/demo/`);
      await page.locator("#state.live").waitFor();
      await page.screenshot({ path: `${TO}/demo-${look}.png` });
      await context.close();
    }
  } finally {
    await browser.close();
    await service.stop();
  }
});

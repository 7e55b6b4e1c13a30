/** A browser, and an eye on everything that it complains about. */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type BrowserServer,
  chromium as engine,
  type LaunchOptions,
} from "playwright-core";
import { chromium } from "./binary.ts";

/** How the browser is started: without a sandbox for root, which Chromium demands. */
function launchOptions(): LaunchOptions {
  const root = process.getuid?.() === 0;
  return { executablePath: chromium(), args: [...(root ? ["--no-sandbox"] : []), "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"] };
}

/** Starts a browser. */
export function launch(): Promise<Browser> {
  return engine.launch(launchOptions());
}

/** A browser in a process that a test may kill or stop. */
export async function launchMortal(): Promise<{ browser: Browser; server: BrowserServer }> {
  const server = await engine.launchServer(launchOptions());
  return { browser: await engine.connect(server.wsEndpoint()), server };
}

/** A profile of its own, and what went wrong on its pages. */
export interface Profile {
  context: BrowserContext;
  /** Violations of the content security policy, errors on the console (but for "try again", which is an answer), exceptions. */
  faults: string[];
}

/** Opens a profile. */
export async function open(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Profile> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const faults: string[] = [];
  await context.exposeBinding("reportViolation", (_source, words: string) => {
    faults.push(words);
  });
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const { effectiveDirective, blockedURI, sourceFile } = event;
      const words = `policy: ${effectiveDirective} ${blockedURI} ${sourceFile ?? ""}`;
      (globalThis as unknown as { reportViolation(words: string): void }).reportViolation(words);
    });
  });
  context.on("console", (message) => {
    const isOfService = /the server responded with a status of 503/.test(message.text());
    if (message.type() === "error" && !isOfService) faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) =>
    faults.push(`exception: ${error.error().stack ?? error.error()}`),
  );
  return { context, faults };
}

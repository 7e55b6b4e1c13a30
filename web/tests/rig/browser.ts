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

/** What a page is made of, as the browser calls it. */
const PARTS = new Set(["document", "script", "stylesheet", "image", "font", "manifest"]);

/** How the browser is started: without a sandbox for root, which Chromium demands. */
function launchOptions(): LaunchOptions {
  const root = process.getuid?.() === 0;
  return {
    executablePath: chromium(),
    args: [
      ...(root ? ["--no-sandbox"] : []),
      "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
    ],
  };
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
  /** Violations of the content security policy, errors on the console, exceptions, parts that are missing. */
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
  // Chromium writes every answer that is no success to the console. Of those only what the page is made of is a fault.
  context.on("console", (message) => {
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  context.on("response", (response) => {
    const isPart = PARTS.has(response.request().resourceType());
    if (isPart && response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
  });
  context.on("weberror", (error) =>
    faults.push(`exception: ${error.error().stack ?? error.error()}`),
  );
  return { context, faults };
}

/** Where the programs are that the tests run: the service and a browser. */
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const BROWSERS_OF_MACOS = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The service: `ROLLCALL_BINARY`, else what was built last by one of the usual profiles. */
export function rollcall(): string {
  const named = process.env.ROLLCALL_BINARY;
  if (named) return resolve(named);
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
  const built = ["release", "demo", "debug"].map((profile) => join(target, profile, "rollcall"));
  const found = built.find((path) => existsSync(path));
  if (!found) throw new Error(`no rollcall in ${target}: build it, or set ROLLCALL_BINARY`);
  return found;
}

/** A Chromium or Chrome: `ROLLCALL_CHROMIUM`, else by its usual names. */
export function chromium(): string {
  const named = process.env.ROLLCALL_CHROMIUM;
  if (named) return named;
  const path = (process.env.PATH ?? "").split(delimiter);
  const candidates = BROWSERS.flatMap((name) => path.map((dir) => join(dir, name)));
  const found = [...candidates, ...BROWSERS_OF_MACOS].find((candidate) => existsSync(candidate));
  if (!found) throw new Error("no Chromium was found: install it, or set ROLLCALL_CHROMIUM");
  return found;
}

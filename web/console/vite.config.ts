// How the console is built: to web/dist/console, from where the service serves it below /console/. Everything but
// index.html has its hash in its name. No script, style or image goes inline: the content security policy forbids it.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A running service, for `npm run dev` and `npm run preview`. */
const SERVICE = process.env.ROLLCALL_URL ?? "http://127.0.0.1:8000";
const proxy = {
  "/api": { target: SERVICE, ws: true },
  "/.well-known": SERVICE,
  "/sdk": SERVICE,
};

/** The service's own policy, so that what it would forbid fails here, too. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
};

export default defineConfig({
  root: at("."),
  base: "/console/",
  resolve: {
    // The SDK from its source: one bundler, no order of builds, and what the console does not use is left out.
    alias: { "@rollcall/sdk": at("../sdk/src/index.ts") },
  },
  build: {
    outDir: at("../dist/console"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy },
  preview: { proxy, headers },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});

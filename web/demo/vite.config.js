// The demo page: built below /demo/, where `rollcall dev --demo` serves it. The dev server hands everything else to a running
// service (ROLLCALL_URL), the client's script among it, so that the page is the same in both.
import { defineConfig } from "vite";

const service = process.env.ROLLCALL_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/demo/",
  build: {
    outDir: "../dist/demo",
    emptyOutDir: true,
    target: "es2022",
    // The page's policy knows no inline content, and every supported browser preloads modules by itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": { target: service, ws: true },
      "/sdk": service,
      "/demo/people": service,
      "/demo/login": service,
      "/.well-known": service,
    },
  },
});

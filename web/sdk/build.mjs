// Builds what is published (dist/: ES modules and types by tsc, CommonJS by esbuild) and the script files that the
// service answers at /sdk/. The same sources give the same bytes.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { dotFile, scriptFile } from "./bundle.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const files = join(here, "../dist/sdk");
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");

/** The entries share one index at run time, or each would have connections of its own. */
const sharedIndex = {
  name: "shared index",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\/index\.js$/ }, () => ({
      path: "./index.cjs",
      external: true,
    }));
  },
};

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: here, stdio: "inherit" });
await build({
  absWorkingDir: here,
  entryPoints: ["src/index.ts", "src/react.ts", "src/dot.ts"],
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  format: "cjs",
  target: "es2022",
  external: ["react"],
  plugins: [sharedIndex],
});
for (const name of readdirSync(dist).filter((file) => file.endsWith(".d.ts"))) {
  const types = readFileSync(join(dist, name), "utf8").replaceAll(
    /(["']\.\/\w+)\.js(["'])/g,
    "$1.cjs$2",
  );
  writeFileSync(join(dist, name.replace(/\.d\.ts$/, ".d.cts")), types);
}
mkdirSync(files, { recursive: true });
writeFileSync(join(files, "rollcall.js"), await scriptFile());
writeFileSync(join(files, "dot.js"), await dotFile());

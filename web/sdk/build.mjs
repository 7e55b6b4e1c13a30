// Builds what is published (dist/: ES modules and types by tsc, CommonJS by esbuild) and the script file that the
// service answers at /sdk/rollcall.js. The same sources give the same bytes.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const file = join(here, "../dist/sdk/rollcall.js");
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

/**
 * Properties that never leave the script file, and need not have long names there: those of the interfaces between its parts.
 * A name that the service, the browser or an application knows must not be among them.
 */
const INTERNAL =
  /^(activeAt|after|beat|call|change|end|follow|hangUp|heard|hello|howAmI|inside|login|lost|owner|patience|polling|prune|rename|said|say|shown|socket|stop|tell|tick|tokens|view|wake|wanted|whoAmI)$/;

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
const script = await build({
  absWorkingDir: here,
  entryPoints: ["src/script.ts"],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  minify: true,
  mangleProps: INTERNAL,
});
// What esbuild leaves, terser makes smaller by a twentieth.
const { code } = await minify(script.outputFiles[0].text, {
  module: true,
  ecma: 2020,
  compress: { passes: 8, unsafe_arrows: true, unsafe_methods: true, pure_getters: true },
  format: { ecma: 2020 },
});
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `(()=>{${code}})()`);

// The script files, as text: the client, and the dot, which uses the client that is there. As small as they get.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

/**
 * Properties that never leave the script file, and need not have long names there: those of the interfaces between its parts.
 * A name that the service, the browser or an application knows must not be among them.
 */
const INTERNAL =
  /^(activeAt|after|beat|call|change|end|follow|hangUp|heard|hello|howAmI|inside|login|lost|owner|patience|polling|prune|rename|said|say|shown|socket|stop|tell|tick|tokens|view|wake|wanted|whoAmI)$/;

/** In the dot's file the client is the one of `/sdk/rollcall.js`. */
const globalIndex = {
  name: "global index",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\/index\.js$/ }, () => ({ path: "index", namespace: "global" }));
    bundle.onLoad({ filter: /./, namespace: "global" }, () => ({
      contents: "export const using = (callback) => globalThis.rollcall.using(callback);",
    }));
  },
};

/** Bundles the client. The same sources give the same bytes. */
export const scriptFile = () => bundled("src/script.ts", []);

/** Bundles the dot. */
export const dotFile = () => bundled("src/script-dot.ts", [globalIndex]);

async function bundled(entry, plugins) {
  const script = await build({
    absWorkingDir: dirname(fileURLToPath(import.meta.url)),
    entryPoints: [entry],
    plugins,
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
    compress: {
      passes: 8,
      unsafe: true,
      unsafe_arrows: true,
      unsafe_methods: true,
      pure_getters: true,
    },
    format: { ecma: 2020 },
  });
  return `(()=>{${code}})()`;
}

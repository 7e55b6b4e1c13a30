/** The global that `/sdk/rollcall.js` sets, and the element that it defines. */
import type * as Sdk from "@rollcall/sdk";

declare global {
  const rollcall: typeof Sdk;
}

declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      "rollcall-dot": HTMLAttributes<HTMLElement> & { user: string };
    }
  }
}

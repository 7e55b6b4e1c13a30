// The file that the service answers at /sdk/rollcall.js: the global `rollcall`, with the dot defined.

import "./dot.js";

export * from "./index.js";

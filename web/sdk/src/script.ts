// The file that the service answers at /sdk/rollcall.js: the global `rollcall`.

import { connect, use, using } from "./index.js";

Object.assign(globalThis, { rollcall: { connect, use, using } });

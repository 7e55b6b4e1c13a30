// The file that the service answers at /sdk/rollcall.js: the global `rollcall`, with the dot defined.

import "./dot.js";
import { connect, use } from "./index.js";

Object.assign(globalThis, { rollcall: { connect, use } });

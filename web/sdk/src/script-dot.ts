// The file that the service answers at /sdk/dot.js: defines the dot, for the client of /sdk/rollcall.js.

import "./dot.js";

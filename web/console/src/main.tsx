// The entry: styles, the start of the login, the page.

import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/marks.css";
import "./styles/controls.css";
import "./styles/page.css";
import "./styles/table.css";
import "./styles/overlays.css";
import "./styles/shell.css";
import "./state/theme.js";
import { render } from "preact";
import { start } from "./api/session.js";
import { App } from "./app.js";
import { pageAt } from "./pages.js";

const root = document.getElementById("app");
if (root) {
  render(<App />, root);
  void start();
  // The page's code comes while the login is found out.
  pageAt(location.pathname.replace(/^\/console/, ""))
    ?.load()
    .catch(() => undefined);
}

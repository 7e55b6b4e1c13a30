// Light or dark: as the system says, unless somebody chose.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const STORED = "rollcall.console.theme";

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return value === "light" || value === "dark" ? value : "system";
}

/** What was chosen. Charts redraw when `html[data-theme]` or the system's preference changes. */
export const theme = signal<Theme>(stored());

effect(() => {
  if (theme.value === "system") {
    localStorage.removeItem(STORED);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(STORED, theme.value);
    document.documentElement.dataset.theme = theme.value;
  }
});

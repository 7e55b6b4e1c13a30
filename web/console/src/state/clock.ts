// One clock for every time that is shown. It follows the service's clock, because a laptop's may be minutes off, and stands
// still while the page is hidden.

import { signal } from "@preact/signals";

/** Offsets below this, in ms, are left alone: the service tells its time in whole seconds. */
const TOLERANCE = 2000;

let offset = 0;

/** The service's time in ms, as far as it is known. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** The service's time in ms; changes each second while the page is visible. */
export const now = signal(Date.now());

/** Takes the service's time from the `Date` of an answer. */
export function follow(date: string | null): void {
  const told = date ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(told)) return;
  const difference = told + 500 - Date.now();
  offset = Math.abs(difference) > TOLERANCE ? difference : 0;
}

if (typeof document !== "undefined") {
  const tick = () => {
    if (!document.hidden) now.value = serverNow();
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}

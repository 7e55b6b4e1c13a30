/** One clock for every duration on the page. */
import { signal } from "@preact/signals";

/** Now, in ms; moves once a second. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1000);

/** How long ago a moment was, short: `12 s`, `5 min`, `3 h`, `2 d`. */
export function ago(moment: string | null | undefined, at: number): string {
  if (!moment) return "";
  const seconds = Math.max(0, Math.round((at - Date.parse(moment)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

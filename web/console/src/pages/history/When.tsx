// A moment of the past: its day and its time, side by side or, where there is little room, below each other.

import type { Moment } from "../../api/types.js";
import { now } from "../../state/clock.js";
import { absoluteWords, clockWords, dayWords, relativeWords } from "../../state/words.js";
import "./records.css";

/** `21 Nov 16:43:13`; the full date and how long ago it was are in the title. */
export function When({
  at,
  none = "–",
  isRough = false,
}: {
  at: Moment | null;
  /** Shown where there is no moment. */
  none?: string;
  /** Without the seconds. */
  isRough?: boolean;
}) {
  if (!at) return <span class="faint">{none}</span>;
  return (
    <time
      class="when"
      dateTime={at}
      title={`${absoluteWords(at)}, ${relativeWords(at, now.peek())}`}
    >
      <span>{dayWords(at)}</span> <span class="when-clock">{clockWords(at, !isRough)}</span>
    </time>
  );
}

// A moment, as how long ago it was. All of them follow one clock, and only those whose words change are written anew.

import { useComputed, useSignal } from "@preact/signals";
import type { Moment } from "../api/types.js";
import { now } from "../state/clock.js";
import { absoluteWords, relativeWords } from "../state/words.js";

/** `12 s ago`, with the full date in its title; `isAbsolute` shows the date and has the distance in the title. */
export function Time({
  at,
  isAbsolute = false,
  none = "–",
}: {
  at: Moment | null | undefined;
  isAbsolute?: boolean;
  /** Shown where there is no moment. */
  none?: string;
}) {
  if (!at) return <span class="faint">{none}</span>;
  return isAbsolute ? (
    <time dateTime={at} title={relativeWords(at, now.peek())}>
      {absoluteWords(at)}
    </time>
  ) : (
    <Relative at={at} />
  );
}

function Relative({ at }: { at: Moment }) {
  const moment = useSignal(at);
  moment.value = at;
  const words = useComputed(() => relativeWords(moment.value, now.value));
  return (
    <time dateTime={at} title={absoluteWords(at)}>
      {words}
    </time>
  );
}

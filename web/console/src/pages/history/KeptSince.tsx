// The history may begin later than the span that was asked for; then figures are of what there is.

import type { Moment } from "../../api/types.js";
import { Notice } from "../../parts/index.js";
import { absoluteWords } from "../../state/words.js";

/** Differences below this, in ms, are not worth a word. */
const SLACK = 60_000;

/** Says so where the answer begins later than was asked. */
export function KeptSince({ asked, from }: { asked: number; from: Moment | undefined }) {
  if (from === undefined || Date.parse(from) - asked < SLACK) return null;
  return (
    <Notice>The history is kept since {absoluteWords(from)}: these figures begin there.</Notice>
  );
}

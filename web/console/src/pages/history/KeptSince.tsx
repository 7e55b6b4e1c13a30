// The history may begin later than the span that was asked for; then figures are of what there is.

import type { Moment } from "../../api/types.js";
import { Notice } from "../../parts/index.js";
import { absoluteWords } from "../../state/words.js";

/** Differences below this, in ms, are not worth a word. */
const SLACK = 60_000;

/** An answer that goes on being shown while the next one is awaited, so it keeps its own question. */
export interface Asked {
  from: Moment;
  /** The beginning that was asked for, epoch ms. */
  asked: number;
}

/** Says so where the answer begins later than was asked. */
export function KeptSince({ answer }: { answer: Asked | undefined }) {
  if (!answer || Date.parse(answer.from) - answer.asked < SLACK) return null;
  return (
    <Notice>
      The history is kept since {absoluteWords(answer.from)}: these figures begin there.
    </Notice>
  );
}

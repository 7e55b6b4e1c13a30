// What a chart shows, in a sentence: for those who do not see it, and for those who have no time to look.

import { fullCount, momentLabel } from "./axis.js";
import type { TimeSeries } from "./lanes.js";

/** The facts of one line. */
export interface Facts {
  highest: number;
  highestAt: number;
  lowest: number;
  lowestAt: number;
  last: number;
}

/** The facts of a line's known values, or `undefined` if none is known. Times are epoch ms. */
export function facts(
  values: readonly (number | null)[],
  times: readonly number[],
): Facts | undefined {
  let found: Facts | undefined;
  values.forEach((value, index) => {
    const at = times[index];
    if (value === null || at === undefined) return;
    found ??= { highest: value, highestAt: at, lowest: value, lowestAt: at, last: value };
    if (value > found.highest) Object.assign(found, { highest: value, highestAt: at });
    if (value < found.lowest) Object.assign(found, { lowest: value, lowestAt: at });
    found.last = value;
  });
  return found;
}

/** A sentence for each line: its last, highest and lowest value, and when. */
export function summarise(
  series: readonly TimeSeries[],
  times: readonly number[],
  zone?: string,
): string {
  const sentences = series.flatMap((one) => {
    const known = facts(one.values, times);
    if (!known) return [];
    const [last, highest, lowest] = [known.last, known.highest, known.lowest].map(fullCount);
    if (known.highest === known.lowest) return [`${one.label}: ${last} throughout.`];
    const when = (at: number) => momentLabel(at, zone);
    return [
      `${one.label}: ${last} at the end, highest ${highest} (${when(known.highestAt)}), ` +
        `lowest ${lowest} (${when(known.lowestAt)}).`,
    ];
  });
  return sentences.length > 0 ? sentences.join(" ") : "There is nothing to show for this time.";
}

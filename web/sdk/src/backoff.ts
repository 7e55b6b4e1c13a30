// How long to wait before another try: full jitter, so that clients that were cut off together do not return together.

const FIRST = 500;
const LONGEST = 30_000;

/** Ms to wait before a try; the bound doubles from 0.5 s to 30 s with each that failed before it. */
export const backoff = (failed: number): number =>
  Math.random() * Math.min(LONGEST, FIRST * 2 ** failed);

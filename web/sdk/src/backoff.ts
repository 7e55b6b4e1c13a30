// How long to wait before another try: full jitter, so that clients that were cut off together do not return together.

const FIRST = 500;
const LONGEST = 30_000;

export interface Backoff {
  /** Ms to wait; the bound doubles from 0.5 s to 30 s. */
  next(): number;
  /** It worked: the next wait is short again. */
  reset(): void;
}

export function createBackoff(): Backoff {
  let tries = 0;
  return {
    next: () => Math.random() * Math.min(LONGEST, FIRST * 2 ** tries++),
    reset() {
      tries = 0;
    },
  };
}

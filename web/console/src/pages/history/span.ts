// The span of time that a page looks at: the last so-and-so long, or from one moment to another.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Half-open, in epoch ms. */
export interface Span {
  from: number;
  to: number;
}

/** Spans that end now, by the word that stands for them in the address; in ms. */
export const SPANS: Readonly<Record<string, number>> = {
  "1h": HOUR,
  "6h": 6 * HOUR,
  "24h": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  "90d": 90 * DAY,
  "365d": 365 * DAY,
};

/** The words for them. */
export const SPAN_WORDS: Readonly<Record<string, string>> = {
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
  "365d": "Last year",
  custom: "From … to …",
};

/** What of the address says the span; all three are text. */
export interface SpanValues extends Record<string, string> {
  span: string;
  /** RFC 3339; only of `custom`. */
  from: string;
  to: string;
}

/**
 * The span that the values mean at a moment.
 *
 * Whoever writes nonsense into the address gets the last 24 hours, and a span that is the wrong way round is turned.
 */
export function spanOf(values: SpanValues, now: number): Span {
  const length = SPANS[values.span];
  if (length !== undefined) return { from: now - length, to: now };
  const to = readMoment(values.to) ?? now;
  const from = readMoment(values.from) ?? to - DAY;
  if (from === to) return { from, to: to + MINUTE };
  return from < to ? { from, to } : { from: to, to: from };
}

function readMoment(text: string): number | undefined {
  const at = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** The values that mean a span between two moments (epoch ms). */
export function customSpan(from: number, to: number): SpanValues {
  return { span: "custom", from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

/** Resolutions of figures over time, by the words of the service; in ms. */
export const STEPS: Readonly<Record<string, number>> = {
  "1m": MINUTE,
  "5m": 5 * MINUTE,
  "15m": 15 * MINUTE,
  "1h": HOUR,
  "6h": 6 * HOUR,
  "1d": DAY,
  "1w": 7 * DAY,
};

/** The words for them. */
export const STEP_WORDS: Readonly<Record<string, string>> = {
  "1m": "1 minute",
  "5m": "5 minutes",
  "15m": "15 minutes",
  "1h": "1 hour",
  "6h": "6 hours",
  "1d": "1 day",
  "1w": "1 week",
};

/** The words for a resolution in ms, to follow "per": `hour`, `15 minutes`. */
export function stepWords(ms: number): string {
  const name = Object.keys(STEPS).find((one) => STEPS[one] === ms);
  return (name && STEP_WORDS[name]?.replace(/^1 /, "")) ?? `${ms / MINUTE} minutes`;
}

/** The most points that the service answers at once. */
const MOST_POINTS = 2000;

/** The resolutions that a span allows: few enough points to be answered, and more than one. */
export function stepsFor({ from, to }: Span): string[] {
  const fitting = Object.entries(STEPS).filter(
    ([, step]) => (to - from) / step <= MOST_POINTS - 1 && step < to - from,
  );
  return fitting.map(([name]) => name);
}

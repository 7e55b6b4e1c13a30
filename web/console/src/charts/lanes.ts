// What a time chart is given, and how it becomes the columns that are drawn.
//
// The library draws no stacks and no ranges; both are columns with a band between them, so this is where
// they are made of what the caller has.

/** One line of a time chart. */
export interface TimeSeries {
  /** What it counts, for people: in the legend, the table and the summary. */
  label: string;
  /** One value for each of the chart's times; `null` where it is not known. */
  values: readonly (number | null)[];
  /** Any CSS colour, custom properties included: `var(--online)`. */
  color: string;
  /** `area` (if absent), `line`, or `step`, which holds each value until the next. */
  kind?: "area" | "line" | "step";
  /** Drawn with dashes. */
  dashed?: boolean;
  /** The lowest and highest value within each step: a faint band around the line. */
  range?: { low: readonly (number | null)[]; high: readonly (number | null)[] };
}

/** A column to draw. */
export interface Lane {
  values: (number | null)[];
  /** Which of the series it belongs to. */
  source: number;
  /** An edge of a band has no line of its own. */
  isEdge: boolean;
}

/** The area between two lanes. */
export interface BandOfLanes {
  upper: number;
  lower: number;
  source: number;
}

/** All that is drawn. */
export interface Plotted {
  lanes: Lane[];
  bands: BandOfLanes[];
}

/** The columns of some series, side by side or (in their order from the bottom) on top of each other. */
export function plotted(series: readonly TimeSeries[], isStacked: boolean): Plotted {
  return isStacked ? stack(series) : besides(series);
}

function besides(series: readonly TimeSeries[]): Plotted {
  const lanes: Lane[] = [];
  const bands: BandOfLanes[] = [];
  series.forEach((one, source) => {
    if (one.range) {
      bands.push({ upper: lanes.length, lower: lanes.length + 1, source });
      lanes.push({ values: [...one.range.high], source, isEdge: true });
      lanes.push({ values: [...one.range.low], source, isEdge: true });
    }
    lanes.push({ values: [...one.values], source, isEdge: false });
  });
  return { lanes, bands };
}

function stack(series: readonly TimeSeries[]): Plotted {
  const sums: (number | null)[][] = [];
  series.forEach((one, index) => {
    const below = sums[index - 1];
    sums.push(one.values.map((value, at) => (value === null ? null : value + (below?.[at] ?? 0))));
  });
  // The highest first: each fills down to the next, the last one to the ground.
  const lanes = sums.map((values, source): Lane => ({ values, source, isEdge: false })).reverse();
  const bands = lanes
    .slice(1)
    .map((_, index) => ({ upper: index, lower: index + 1, source: lanes[index]?.source ?? 0 }));
  return { lanes, bands };
}

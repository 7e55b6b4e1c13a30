// The drawing of a time chart: everything that uPlot is told.
//
// Colours are asked for at each drawing, so that a change of theme needs nothing but another drawing.

import uPlot from "uplot";
import { roundAbove, shortCount, TIME_STEPS, timeLabels } from "./axis.js";
import { faint } from "./colors.js";
import { type Plotted, plotted, type TimeSeries } from "./lanes.js";

/** A horizontal line that values are compared with. */
export interface Threshold {
  value: number;
  label: string;
  /** Any CSS colour; that of quiet text if absent. */
  color?: string;
}

/** The moment to point at. */
export interface Peak {
  /** Epoch ms. */
  at: number;
  value: number;
}

/** What is drawn. */
export interface Picture {
  times: readonly number[];
  series: readonly TimeSeries[];
  isStacked: boolean;
  thresholds: readonly Threshold[];
  peak: Peak | undefined;
  /** An IANA zone; the browser's own if absent. */
  zone: string | undefined;
}

/** What a drawing asks and tells its owner. */
export interface Surroundings {
  color: (color: string) => string;
  /** A CSS font for labels. */
  font: string;
  width: number;
  height: number;
  /** The crosshair is at this time (an index), or nowhere. */
  pointed: (index: number | null) => void;
  /** A span was dragged over, in epoch ms. */
  selected: ((from: number, to: number) => void) | undefined;
}

const INK = "var(--chart-ink)";
const GRID = "var(--chart-grid)";
const PAPER = "var(--chart-paper)";

/** The columns as uPlot takes them. */
export function columns(picture: Picture): uPlot.AlignedData {
  const { lanes } = plotted(picture.series, picture.isStacked);
  return [[...picture.times], ...lanes.map((lane) => lane.values)];
}

/** Draws a picture into an element. */
export function draw(picture: () => Picture, around: Surroundings, into: HTMLElement): uPlot {
  const first = picture();
  const parts = plotted(first.series, first.isStacked);
  const options: uPlot.Options = {
    width: around.width,
    height: around.height,
    ms: 1,
    padding: [14, 10, 0, 0],
    legend: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, max) => heights(picture(), max) } },
    axes: axes(picture, around),
    series: [{}, ...parts.lanes.map((_, index) => lane(first, parts, index, around))],
    bands: parts.bands.map((band) => ({
      series: [band.upper + 1, band.lower + 1],
      fill: () => around.color(faint(colorOf(first, band.source), first.isStacked ? 0.32 : 0.16)),
    })),
    cursor: cursor(first, parts, around),
    hooks: {
      setCursor: [(plot) => around.pointed(plot.cursor.idx ?? null)],
      setSelect: [(plot) => select(plot, around)],
      draw: [(plot) => marks(plot, picture(), around)],
    },
  };
  if (first.zone) {
    const zone = first.zone;
    options.tzDate = (at) => uPlot.tzDate(new Date(at), zone);
  }
  return new uPlot(options, columns(first), into);
}

function colorOf(picture: Picture, source: number): string {
  return picture.series[source]?.color ?? INK;
}

function heights(picture: Picture, max: number | null): [number, number] {
  // The peak has its number above it.
  const peak = (picture.peak?.value ?? 0) * 1.06;
  const all = [max ?? 0, peak, ...picture.thresholds.map((one) => one.value)];
  return [0, roundAbove(Math.max(...all))];
}

function axes(picture: () => Picture, around: Surroundings): uPlot.Axis[] {
  const plain = {
    font: around.font,
    stroke: () => around.color(INK),
    ticks: { show: false },
    border: { show: false },
  };
  return [
    {
      ...plain,
      grid: { show: false },
      size: 36,
      gap: 6,
      space: 64,
      incrs: TIME_STEPS,
      values: (_, splits, __, ___, step) => timeLabels(splits, step, picture().zone),
    },
    {
      ...plain,
      grid: { stroke: () => around.color(GRID), width: 1 },
      gap: 6,
      space: 34,
      // People are not counted in halves.
      incrs: [1, 2, 5, 10, 20, 25, 50]
        .flatMap((step) => [1, 100, 10_000, 1_000_000].map((by) => step * by))
        .sort((a, b) => a - b),
      values: (_, splits) => splits.map(shortCount),
      size: (_, values) => 12 + 7 * Math.max(2, ...(values ?? []).map((value) => value.length)),
    },
  ];
}

function lane(picture: Picture, parts: Plotted, index: number, around: Surroundings): uPlot.Series {
  const { source, isEdge } = parts.lanes[index] ?? { source: 0, isEdge: true };
  const one = picture.series[source];
  const color = colorOf(picture, source);
  if (isEdge) return { width: 0, points: { show: false }, stroke: "transparent" };
  const isGround = picture.isStacked && index === parts.lanes.length - 1;
  const isFilled = isGround || (!picture.isStacked && (one?.kind ?? "area") === "area");
  const made: uPlot.Series = {
    label: one?.label ?? "",
    stroke: () => around.color(color),
    width: 1.75,
    points: { show: false },
  };
  if (isFilled) made.fill = () => around.color(faint(color, picture.isStacked ? 0.32 : 0.14));
  if (one?.dashed) made.dash = [5, 4];
  const steps = one?.kind === "step" && uPlot.paths.stepped;
  if (steps) made.paths = steps({ align: 1 });
  return made;
}

function cursor(picture: Picture, parts: Plotted, around: Surroundings): uPlot.Cursor {
  const source = (index: number) => parts.lanes[index - 1]?.source ?? 0;
  return {
    y: false,
    drag: { x: around.selected !== undefined, y: false, setScale: false, dist: 6 },
    points: {
      show: (_, index) => dot(parts.lanes[index - 1]?.isEdge ?? true),
      size: 8,
      width: 2,
      stroke: () => around.color(PAPER),
      fill: (_, index) => around.color(colorOf(picture, source(index))),
    },
  };
}

function dot(isHidden: boolean): HTMLElement {
  const made = document.createElement("div");
  made.hidden = isHidden;
  return made;
}

function select(plot: uPlot, around: Surroundings): void {
  const { left, width } = plot.select;
  if (width < 6) return;
  const [from, to] = [left, left + width].map((place) => Math.round(plot.posToVal(place, "x")));
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (from !== undefined && to !== undefined) around.selected?.(from, to);
}

/** Thresholds and the peak, over the lines. */
function marks(plot: uPlot, picture: Picture, around: Surroundings): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = around.font.replace(/[\d.]+px/, (size) => `${Number.parseFloat(size) * scale}px`);
  for (const one of picture.thresholds) {
    const y = Math.round(plot.valToPos(one.value, "y", true)) + 0.5;
    ctx.strokeStyle = ctx.fillStyle = around.color(one.color ?? INK);
    ctx.lineWidth = scale;
    ctx.setLineDash([2 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "right";
    ctx.fillText(one.label, bbox.left + bbox.width, y - 4 * scale);
  }
  if (picture.peak) markPeak(plot, picture.peak, around, scale);
  ctx.restore();
}

function markPeak(plot: uPlot, peak: Peak, around: Surroundings, scale: number): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(peak.at, "x", true);
  const y = plot.valToPos(peak.value, "y", true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.arc(x, y, 4 * scale, 0, 2 * Math.PI);
  ctx.fillStyle = around.color("var(--chart-strong)");
  ctx.strokeStyle = around.color(PAPER);
  ctx.lineWidth = 2 * scale;
  ctx.fill();
  ctx.stroke();
  const text = `peak ${shortCount(peak.value)}`;
  const half = ctx.measureText(text).width / 2;
  ctx.textAlign = "center";
  const middle = Math.min(Math.max(x, bbox.left + half), bbox.left + bbox.width - half);
  ctx.fillText(text, middle, y - 8 * scale);
}

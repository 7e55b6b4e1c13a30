// Numbers over time: lines, areas, steps, stacks, with a crosshair that mouse and keyboard move.

import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./charts.css";
import { fullCount, momentLabel } from "./axis.js";
import { ChartFrame } from "./ChartFrame.js";
import { moved } from "./crosshair.js";
import type { TimeSeries } from "./lanes.js";
import type { Peak, Picture, Threshold } from "./plot.js";
import { summarise } from "./summary.js";
import { usePlot } from "./usePlot.js";

/** What a time chart is told. */
export interface TimeChartProps {
  /** Its name, in a few words. */
  label: string;
  /** Epoch ms, ascending. */
  times: readonly number[];
  series: readonly TimeSeries[];
  /** On top of each other, the first one at the bottom. */
  stacked?: boolean;
  thresholds?: readonly Threshold[];
  peak?: Peak | undefined;
  /** An IANA zone; the browser's own if absent. */
  timeZone?: string;
  /** In CSS pixels; 220 if absent. */
  height?: number;
  /** Called with the span (epoch ms) that somebody drags over, to look closer. */
  onSelect?: (from: number, to: number) => void;
  /** In place of the sentence that is made of the numbers. */
  summary?: string;
  /** Shows that sentence to everybody, not only to those who hear it. */
  showSummary?: boolean;
}

const NO_THRESHOLDS: readonly Threshold[] = [];

/** A chart of numbers over time. */
export function TimeChart(props: TimeChartProps): JSX.Element {
  const { times, series, timeZone: zone } = props;
  const picture = useMemo<Picture>(
    () => ({
      times,
      series,
      isStacked: props.stacked ?? false,
      thresholds: props.thresholds ?? NO_THRESHOLDS,
      peak: props.peak,
      zone,
    }),
    [times, series, props.stacked, props.thresholds, props.peak, zone],
  );
  const summary = useMemo(
    () => props.summary ?? summarise(series, times, zone),
    [props.summary, series, times, zone],
  );
  const table = useMemo(() => numbers(series, times, zone), [series, times, zone]);
  return (
    <ChartFrame
      label={props.label}
      summary={summary}
      showSummary={props.showSummary ?? false}
      table={table}
    >
      <Drawing
        label={props.label}
        picture={picture}
        height={props.height ?? 220}
        onSelect={props.onSelect}
      />
    </ChartFrame>
  );
}

function numbers(series: readonly TimeSeries[], times: readonly number[], zone?: string) {
  return {
    columns: ["Time", ...series.map((one) => one.label)],
    rows: () =>
      times.map((at, index) => [momentLabel(at, zone), ...series.map((one) => said(one, index))]),
  };
}

function said(one: TimeSeries, index: number): string {
  const value = one.values[index];
  if (value === null || value === undefined) return "unknown";
  const [low, high] = [one.range?.low[index], one.range?.high[index]];
  if (typeof low !== "number" || typeof high !== "number") return fullCount(value);
  return `${fullCount(value)} (${fullCount(low)}–${fullCount(high)})`;
}

interface DrawingProps {
  label: string;
  picture: Picture;
  height: number;
  onSelect: TimeChartProps["onSelect"];
}

function Drawing({ label, picture, height, onSelect }: DrawingProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const plot = usePlot(host, { picture, height, pointed: setPointed, selected: onSelect });
  const last = picture.times.length - 1;
  // A crosshair may stand where the numbers have since gone.
  const shown = pointed === null ? null : Math.min(pointed, last);
  const point = useCallback((index: number) => plot.point(index), [plot]);
  useEffect(() => {
    const ended = () => setPointed(null);
    const element = host.current;
    element?.addEventListener("mouseleave", ended);
    return () => element?.removeEventListener("mouseleave", ended);
  }, []);
  const keys = (event: KeyboardEvent) => {
    const next = moved(event.key, shown ?? last, last);
    if (next === undefined) return;
    event.preventDefault();
    point(next);
    setPointed(next);
  };
  return (
    <>
      <Readout picture={picture} index={shown ?? last} isPointed={shown !== null} />
      <div
        ref={host}
        class="chart-drawing"
        role="slider"
        tabIndex={0}
        aria-label={`${label}: moment`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, shown ?? last)}
        aria-valuetext={sentence(picture, shown ?? last)}
        onKeyDown={keys}
      />
    </>
  );
}

function sentence(picture: Picture, index: number): string {
  const at = picture.times[index];
  if (at === undefined) return "nothing to show";
  const values = picture.series.map((one) => `${one.label} ${said(one, index)}`);
  return `${momentLabel(at, picture.zone)}: ${values.join(", ")}`;
}

interface ReadoutProps {
  picture: Picture;
  index: number;
  isPointed: boolean;
}

/** The numbers below the crosshair; without one the last ones. */
function Readout({ picture, index, isPointed }: ReadoutProps): JSX.Element {
  const at = picture.times[index];
  return (
    <p class="chart-readout" aria-hidden="true">
      {picture.series.map((one) => (
        <span key={one.label} class="chart-value">
          <i class="chart-key" style={{ "--chart-color": one.color }} data-dashed={one.dashed} />
          {one.label} <b>{said(one, index)}</b>
        </span>
      ))}
      <span class="chart-when" data-pointed={isPointed}>
        {at === undefined ? "" : momentLabel(at, picture.zone)}
      </span>
    </p>
  );
}

// Counts side by side: how long sessions are, how many people came on each day.
//
// Plain elements, not a canvas: there are some hundred bars at most, and the style sheet gives them their colours.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "./charts.css";
import { fullCount, roundAbove, shortCount } from "./axis.js";
import { ChartFrame } from "./ChartFrame.js";
import { moved } from "./crosshair.js";

/** One bar. */
export interface Bar {
  /** Below the bar, short. */
  label: string;
  /** In the readout and the table, in full; must differ from bar to bar. */
  name: string;
  value: number;
  /** Not the whole of its time, or not the whole truth: drawn paler. */
  isPartial?: boolean;
}

/** What a bar chart is told. */
export interface BarChartProps {
  /** Its name, in a few words. */
  label: string;
  bars: readonly Bar[];
  /** What the rows of the table are: "Day", "Length". */
  rowName: string;
  /** What is counted: "people", "sessions". */
  unit: string;
  /** In place of the sentence that is made of the numbers. */
  summary?: string;
  /** Shows that sentence to everybody, not only to those who hear it. */
  showSummary?: boolean;
  /** Any CSS colour. */
  color?: string;
  /** In CSS pixels; 220 if absent. */
  height?: number;
}

/** A chart of counts side by side. */
export function BarChart(props: BarChartProps): JSX.Element {
  const { bars, unit } = props;
  return (
    <ChartFrame
      label={props.label}
      summary={props.summary ?? summariseBars(bars, unit)}
      showSummary={props.showSummary ?? false}
      table={{
        columns: [props.rowName, unit],
        rows: () => bars.map((bar) => [bar.name, fullCount(bar.value)]),
      }}
    >
      <Bars {...props} />
    </ChartFrame>
  );
}

/** The highest and lowest of some bars, in a sentence. */
export function summariseBars(bars: readonly Bar[], unit: string): string {
  const whole = bars.filter((bar) => !bar.isPartial);
  const [first] = whole;
  if (!first) return "There is nothing to show for this time.";
  const most = whole.reduce((one, other) => (other.value > one.value ? other : one), first);
  const least = whole.reduce((one, other) => (other.value < one.value ? other : one), first);
  return `Most ${unit}: ${fullCount(most.value)} (${most.name}); fewest: ${fullCount(least.value)} (${least.name}).`;
}

/** Room that a label below a bar needs, in CSS pixels. */
const LABEL_ROOM = 58;

function Bars({ label, bars, unit, color, height = 220 }: BarChartProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const width = useWidth(host);
  const top = roundAbove(Math.max(0, ...bars.map((bar) => bar.value)));
  const last = bars.length - 1;
  const shown = pointed === null ? null : Math.min(pointed, last);
  const bar = shown === null ? undefined : bars[shown];
  const every = Math.max(1, Math.ceil((bars.length * LABEL_ROOM) / Math.max(width, 1)));
  const keys = (event: KeyboardEvent) => {
    const next = moved(event.key, shown ?? last, last);
    if (next === undefined) return;
    event.preventDefault();
    setPointed(next);
  };
  const said = bars[shown ?? last];
  return (
    <>
      <p class="chart-readout" aria-hidden="true">
        <span class="chart-value">
          {bar ? <b>{fullCount(bar.value)}</b> : null}{" "}
          {bar ? unit : "Point at a bar for its number"}
        </span>
        <span class="chart-when">{bar?.name ?? ""}</span>
      </p>
      <div
        ref={host}
        class="chart-bars"
        role="slider"
        tabIndex={0}
        aria-label={`${label}: bar`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, last)}
        aria-valuenow={Math.max(0, shown ?? last)}
        aria-valuetext={said ? `${said.name}: ${fullCount(said.value)} ${unit}` : "nothing to show"}
        style={{ height: `${height}px`, "--chart-color": color ?? "var(--chart-1)" }}
        onKeyDown={keys}
        onPointerMove={(event) => setPointed(barAt(event, last))}
        onPointerDown={(event) => setPointed(barAt(event, last))}
        onMouseLeave={() => setPointed(null)}
      >
        <Scale top={top} />
        <Columns bars={bars} top={top} pointed={shown} every={every} />
      </div>
    </>
  );
}

interface ColumnsProps {
  bars: readonly Bar[];
  /** The value of a bar that is as high as the chart. */
  top: number;
  pointed: number | null;
  /** Only each so many-th bar has room for its label. */
  every: number;
}

function Columns({ bars, top, pointed, every }: ColumnsProps): JSX.Element {
  return (
    <div class="chart-columns" data-many={bars.length > 60}>
      {bars.map((bar, index) => (
        <div key={bar.name} class="chart-column" data-pointed={index === pointed}>
          <div
            class="chart-bar"
            data-partial={bar.isPartial}
            style={{ height: `${(bar.value / top) * 100}%` }}
          />
          {index % every === 0 ? <span class="chart-below">{bar.label}</span> : null}
        </div>
      ))}
    </div>
  );
}

/** The bar below the pointer. */
function barAt(event: JSX.TargetedPointerEvent<HTMLElement>, last: number): number | null {
  const columns = event.currentTarget.querySelector(".chart-columns")?.getBoundingClientRect();
  if (!columns || columns.width === 0) return null;
  const index = Math.floor(((event.clientX - columns.left) / columns.width) * (last + 1));
  return index < 0 || index > last ? null : index;
}

/** Three lines with numbers behind the bars. */
function Scale({ top }: { top: number }): JSX.Element {
  const marks = top >= 2 ? [top, top / 2, 0] : [top, 0];
  return (
    <div class="chart-scale" aria-hidden="true">
      {marks.map((mark) => (
        <span key={mark} style={{ bottom: `${(mark / top) * 100}%` }}>
          {shortCount(mark)}
        </span>
      ))}
    </div>
  );
}

function useWidth(host: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [host]);
  return width;
}

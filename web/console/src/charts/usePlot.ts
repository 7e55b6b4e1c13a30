// Keeps a drawing in step with its element: its width, the theme, and the numbers.
//
// New numbers go into the drawing that is there; only another set of lines makes a new one.

import type { RefObject } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { colorsOf, onThemeChange } from "./colors.js";
import { columns, draw, type Picture } from "./plot.js";

/** What can be asked of a drawing. */
export interface Plot {
  /** Moves the crosshair to a time, by its index. */
  point(index: number): void;
}

interface Wishes {
  picture: Picture;
  height: number;
  pointed: (index: number | null) => void;
  selected: ((from: number, to: number) => void) | undefined;
}

/** Draws a picture into an element and keeps it true. `height` is in CSS pixels. */
export function usePlot(host: RefObject<HTMLElement>, wishes: Wishes): Plot {
  const drawn = useRef<uPlot>();
  const now = useRef(wishes);
  now.current = wishes;
  const shape = shapeOf(wishes);

  // The shape stands for the lines: numbers that change need no other drawing.
  useEffect(() => {
    if (!host.current) return;
    const [plot, end] = mount(host.current, now);
    drawn.current = plot;
    return () => {
      drawn.current = undefined;
      end();
    };
  }, [host, shape]);

  useEffect(() => drawn.current?.setData(columns(wishes.picture)), [wishes.picture]);

  return useMemo(() => ({ point: (index) => pointAt(drawn.current, index) }), []);
}

/** A drawing, and what ends it. */
function mount(element: HTMLElement, now: { current: Wishes }): [uPlot, () => void] {
  const { height, selected } = now.current;
  const width = () => Math.max(120, element.clientWidth);
  let color = colorsOf(element);
  const plot = draw(
    () => now.current.picture,
    {
      color: (name) => color(name),
      font: `11px ${getComputedStyle(element).fontFamily}`,
      width: width(),
      height,
      pointed: (index) => now.current.pointed(index),
      selected: selected && ((from, to) => now.current.selected?.(from, to)),
    },
    element,
  );
  const resized = new ResizeObserver(() => {
    if (width() !== plot.width) plot.setSize({ width: width(), height });
  });
  resized.observe(element);
  const themed = onThemeChange(() => {
    color = colorsOf(element);
    plot.redraw(false);
  });
  const end = () => {
    themed();
    resized.disconnect();
    plot.destroy();
  };
  return [plot, end];
}

/** What of a picture needs a new drawing when it changes. */
function shapeOf({ picture, height, selected }: Wishes): string {
  const lines = picture.series.map((one) => [
    one.label,
    one.color,
    one.kind,
    one.dashed,
    one.range !== undefined,
  ]);
  return JSON.stringify([lines, picture.isStacked, picture.zone, height, selected !== undefined]);
}

function pointAt(plot: uPlot | undefined, index: number): void {
  const at = plot?.data[0][index];
  if (plot && at !== undefined)
    plot.setCursor({ left: plot.valToPos(at, "x"), top: plot.bbox.height / 2 });
}

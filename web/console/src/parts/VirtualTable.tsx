// A table of any length: a real <table> in which only the rows that can be seen exist, between two rows that keep the room
// of the others. `aria-rowcount` and `aria-rowindex` tell screen readers where they are.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Column, cellClass, HeadCell, type Sorting } from "./DataTable.js";
import { type RowWindow, windowRows } from "./rows.js";
import { stable } from "./stable.js";

/** Rows drawn ahead of those that are seen. */
const AHEAD = 8;

export interface VirtualTableProps<T> {
  caption: string;
  columns: readonly Column<T>[];
  count: number;
  /** A row by its number, counted from 0; `undefined` while it is on its way, `null` if it is gone. */
  rowAt: (at: number) => T | undefined | null;
  /** The height of each row in px. */
  rowHeight: number;
  /** The rows that are drawn: from `first` to `last` (not included). Called when they change. */
  onWindow: (first: number, last: number) => void;
  sorting?: Sorting | undefined;
  onSort?: (by: string) => void;
  isBusy?: boolean;
  rowClass?: (row: T) => string | undefined;
  /** Changes when the table shows another list, and begins at its top. */
  listKey: string;
}

/** Draws what of `count` rows can be seen. */
export function VirtualTable<T>(props: VirtualTableProps<T>) {
  const {
    caption,
    columns,
    count,
    rowAt,
    rowHeight,
    sorting,
    onSort,
    isBusy = false,
    rowClass,
  } = props;
  const frame = useRef<HTMLDivElement>(null);
  const rows = useRowWindow(frame, props);
  const drawn: ComponentChildren[] = [];
  for (let at = rows.first; at < rows.last; at += 1) {
    const row = rowAt(at);
    const className = row ? rowClass?.(row) : undefined;
    drawn.push(<Row key={at} {...{ at, row, columns, rowHeight, className }} />);
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section ref={frame} class="table-frame is-virtual" aria-label={caption} tabIndex={0}>
      <table
        class="table is-fixed"
        aria-rowcount={count + 1}
        aria-busy={isBusy}
        onKeyDown={(event) => moveByKey(event, frame.current, rowHeight)}
      >
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <HeadCell key={column.key} {...{ column, sorting, onSort }} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Room height={rows.above} />
          {drawn}
          <Room height={rows.below} />
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  at: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a row holds is between the caller and its columns
  row: any;
  // biome-ignore lint/suspicious/noExplicitAny: the same
  columns: readonly Column<any>[];
  rowHeight: number;
  className: string | undefined;
}

// No cell spans columns: those that a narrow window leaves out would be counted, and take room.
const Row = stable(({ at, row, columns, rowHeight, className }: RowProps) => (
  <tr aria-rowindex={at + 2} class={className} style={{ height: `${rowHeight}px` }}>
    {columns.map((column, place) => (
      <td key={column.key} class={cellClass(column)}>
        {row && column.cell(row)}
        {row === undefined && <span class="skeleton" />}
        {row === null && place === 1 && <span class="faint">No longer in this list</span>}
      </td>
    ))}
  </tr>
));

function Room({ height }: { height: number }) {
  if (height === 0) return null;
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus; it only keeps room
    <tr class="room" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

function useRowWindow<T>(
  frame: { current: HTMLDivElement | null },
  { count, rowHeight, onWindow, listKey }: VirtualTableProps<T>,
): RowWindow {
  const [rows, setRows] = useState<RowWindow>(() =>
    windowRows({ count, rowHeight, top: 0, height: 600, ahead: AHEAD }),
  );
  const shown = useRef(rows);
  const tell = useRef(onWindow);
  tell.current = onWindow;

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    let height = element.clientHeight;
    let isAwaited = false;
    const measure = () => {
      isAwaited = false;
      const next = windowRows({ count, rowHeight, top: element.scrollTop, height, ahead: AHEAD });
      const was = shown.current;
      if (was.first === next.first && was.last === next.last && was.below === next.below) return;
      shown.current = next;
      setRows(next);
      tell.current(next.first, next.last);
    };
    // One measurement a frame: a scroll that fires faster costs nothing.
    const later = () => {
      if (isAwaited) return;
      isAwaited = true;
      requestAnimationFrame(measure);
    };
    const sizes = new ResizeObserver(([entry]) => {
      height = entry?.contentRect.height ?? height;
      later();
    });
    sizes.observe(element);
    element.addEventListener("scroll", later, { passive: true });
    measure();
    tell.current(shown.current.first, shown.current.last);
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", later);
    };
  }, [frame, count, rowHeight]);

  // Another list begins at its top.
  useLayoutEffect(() => {
    frame.current?.scrollTo({ top: 0 });
  }, [frame, listKey]);

  return rows;
}

/** Up and down go to the same control of the next row, and the table scrolls along. */
function moveByKey(event: KeyboardEvent, frame: HTMLElement | null, rowHeight: number): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const target = event.target as HTMLElement;
  const row = target.closest("tbody tr");
  const cell = target.closest("td");
  if (!step || !row || !cell || !frame) return;
  const place = Array.from(row.children).indexOf(cell);
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const control = next?.children[place]?.querySelector<HTMLElement>("a, input, button");
  event.preventDefault();
  if (!control) {
    frame.scrollBy({ top: step * rowHeight });
    return;
  }
  control.focus({ preventScroll: true });
  const { top, bottom } = control.getBoundingClientRect();
  const bounds = frame.getBoundingClientRect();
  // The head of the table stays above the rows, and is as high as one.
  if (top < bounds.top + 2 * rowHeight || bottom > bounds.bottom - rowHeight) {
    frame.scrollBy({ top: step * rowHeight });
  }
}

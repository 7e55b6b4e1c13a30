// Tables are tables: a caption, heads with scopes, sort buttons in the heads, so that screen readers and keyboards get what
// eyes get.

import type { ComponentChildren } from "preact";
import { Icon } from "./Icon.js";

/** A column of rows of `T`. */
export interface Column<T> {
  key: string;
  head: ComponentChildren;
  cell: (row: T) => ComponentChildren;
  /** By what the list is sorted when the head is pressed; without it the head is no button. */
  sort?: string;
  /** Numbers stand to the right. */
  isNumber?: boolean;
  /** The least width of the window, for columns that narrow ones do without. */
  from?: "phone" | "tablet" | "desktop";
  /** Of the column, as CSS has it: `12rem`, `30%`. The rest share what is left. */
  width?: string;
}

/** By what a list is sorted. */
export interface Sorting {
  by: string;
  direction: "ascending" | "descending";
}

/** The head of a column, with its sort button. */
export function HeadCell<T>({
  column,
  sorting,
  onSort,
}: {
  column: Column<T>;
  sorting?: Sorting | undefined;
  onSort?: ((by: string) => void) | undefined;
}) {
  const { sort } = column;
  const direction = sort !== undefined && sorting?.by === sort ? sorting.direction : undefined;
  const isSortable = sort !== undefined && onSort !== undefined;
  return (
    <th
      scope="col"
      class={cellClass(column)}
      style={column.width ? { width: column.width } : undefined}
      aria-sort={direction ?? (isSortable ? "none" : undefined)}
    >
      {isSortable ? (
        <button type="button" class="sort" onClick={() => onSort(sort)}>
          {column.head}
          <Icon name={direction === "ascending" ? "up" : "down"} size={14} />
        </button>
      ) : (
        column.head
      )}
    </th>
  );
}

/** The class of a column's cells. */
export function cellClass<T>(column: Column<T>): string {
  return [column.isNumber && "is-number", column.from && `from-${column.from}`]
    .filter(Boolean)
    .join(" ");
}

/** A table of some hundred rows at most; `VirtualTable` is for more. */
export function DataTable<T>({
  caption,
  columns,
  rows,
  keyOf,
  sorting,
  onSort,
  isBusy = false,
  rowClass,
  children,
}: {
  /** Read out by screen readers; not shown. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  sorting?: Sorting | undefined;
  onSort?: (by: string) => void;
  /** Dims what is shown while other rows are on their way. */
  isBusy?: boolean;
  rowClass?: (row: T) => string | undefined;
  /** Below the rows: the button for the next page. */
  children?: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls sideways must be reachable by keyboard
    <section class="table-frame" aria-label={caption} tabIndex={0}>
      <table class="table" aria-busy={isBusy}>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeadCell key={column.key} {...{ column, sorting, onSort }} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={rowClass?.(row)}>
              {columns.map((column) => (
                <td key={column.key} class={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {children}
    </section>
  );
}

/** The way to the next page of a list behind a cursor. */
export function MoreRows({
  list,
}: {
  list: { hasMore: boolean; isLoading: boolean; more: () => void };
}) {
  if (!list.hasMore) return null;
  return (
    <div class="more">
      <button type="button" class="button" disabled={list.isLoading} onClick={list.more}>
        {list.isLoading ? "Loading…" : "Show more"}
      </button>
    </div>
  );
}

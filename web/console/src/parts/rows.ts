// Which rows of a long table are drawn. All have one height, so this is arithmetic, and costs the same for ten rows and for
// a hundred thousand.

/** Rows `first` (counted from 0) to `last` (not included), and the height in px of what is left out above and below. */
export interface RowWindow {
  first: number;
  last: number;
  above: number;
  below: number;
}

/** How a table stands; all heights in px. */
export interface Scrolled {
  count: number;
  rowHeight: number;
  /** How far it is scrolled. */
  top: number;
  /** How much of it can be seen. */
  height: number;
  /** Rows drawn ahead, above and below. */
  ahead: number;
}

/** The rows to draw. They begin at an even one, so that a striped table does not flicker. */
export function windowRows({ count, rowHeight, top, height, ahead }: Scrolled): RowWindow {
  const seenFirst = Math.floor(Math.max(0, top) / rowHeight);
  const seenLast = Math.ceil((Math.max(0, top) + height) / rowHeight);
  const last = Math.min(count, seenLast + ahead);
  const from = Math.max(0, Math.min(seenFirst - ahead, count - 1));
  const first = from - (from % 2);
  return { first, last, above: first * rowHeight, below: Math.max(0, count - last) * rowHeight };
}

/** The numbers of the pages (counted from 1) that hold the rows `first` to `last` (not included). */
export function pagesOf(first: number, last: number, perPage: number): number[] {
  if (last <= first) return [];
  const from = Math.floor(first / perPage) + 1;
  const to = Math.floor((last - 1) / perPage) + 1;
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

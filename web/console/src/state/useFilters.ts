// Filters live in the URL's query: a view can be kept, shared and reached again by going back. What is as by default is left
// out of the address.

import { useCallback, useMemo } from "preact/hooks";
import { navigate, useSearch } from "wouter-preact/use-browser-location";

/** What is chosen, and how to choose. */
export interface Filters<T extends Record<string, string>> {
  values: T;
  /** Changes some; the rest of the query stays. */
  set: (changes: Partial<T>) => void;
  /** Back to the defaults. */
  clear: () => void;
  /** How many differ from their defaults. */
  count: number;
}

/** The values of a query, or the defaults. */
export function readFilters<T extends Record<string, string>>(search: string, defaults: T): T {
  const query = new URLSearchParams(search);
  const values: Record<string, string> = {};
  for (const name of Object.keys(defaults)) values[name] = query.get(name) ?? defaults[name] ?? "";
  return values as T;
}

/** The query after a change, without what is as by default; other parameters stay as they are. */
export function writeFilters<T extends Record<string, string>>(
  search: string,
  defaults: T,
  changes: Partial<T>,
): string {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === (defaults[name] ?? "")) query.delete(name);
    else query.set(name, value as string);
  }
  return query.toString();
}

/** The filters of the page that is shown. `defaults` names them all; define it once, outside of the component. */
export function useFilters<T extends Record<string, string>>(defaults: T): Filters<T> {
  // The address as the browser has it: the router's own hooks decode `%25`, and what is read or written then is another id.
  const search = useSearch();
  const values = useMemo(() => readFilters(search, defaults), [search, defaults]);
  const set = useCallback(
    (changes: Partial<T>) => {
      // From the address as it is now: two changes in one moment must not undo each other.
      const query = writeFilters(location.search, defaults, changes);
      navigate(location.pathname + (query && `?${query}`), { replace: true });
    },
    [defaults],
  );
  const clear = useCallback(() => set(defaults), [set, defaults]);
  const count = Object.keys(defaults).filter((name) => values[name] !== defaults[name]).length;
  return { values, set, clear, count };
}

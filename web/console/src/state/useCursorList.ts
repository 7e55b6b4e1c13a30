// A list that goes on behind a cursor: pages are added below those that are shown.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAborted, type Problem } from "../api/problem.js";
import type { CursorPage } from "../api/types.js";

/** The pages read so far. */
export interface CursorList<T> {
  items: T[];
  problem: Problem | null;
  isLoading: boolean;
  /** Whether the service has more. */
  hasMore: boolean;
  /** Reads the next page, or the one that failed again. */
  more: () => void;
  /** Reads from the beginning. */
  reload: () => void;
}

interface State<T> {
  items: T[];
  cursor: string | null;
  problem: Problem | null;
  isLoading: boolean;
  hasBegun: boolean;
}

/** Reads a list by pages, from the beginning whenever one of `deps` changes; the old list stays until the new is there. */
export function useCursorList<T>(
  read: (cursor: string | null, signal: AbortSignal) => Promise<CursorPage<T>>,
  deps: readonly unknown[],
): CursorList<T> {
  const [state, setState] = useState<State<T>>(() => ({
    items: [],
    cursor: null,
    problem: null,
    isLoading: true,
    hasBegun: false,
  }));
  const latest = useRef(read);
  latest.current = read;
  const running = useRef<AbortController | null>(null);

  const fetchPage = useCallback((cursor: string | null) => {
    running.current?.abort();
    const aborter = new AbortController();
    running.current = aborter;
    setState((was) => ({ ...was, isLoading: true, problem: null }));
    latest.current(cursor, aborter.signal).then(
      (page) => {
        if (aborter.signal.aborted) return;
        setState((was) => ({
          items: cursor === null ? page.results : [...was.items, ...page.results],
          cursor: page.next_cursor,
          problem: null,
          isLoading: false,
          hasBegun: true,
        }));
      },
      (error) => {
        if (aborter.signal.aborted || isAborted(error)) return;
        setState((was) => ({ ...was, isLoading: false, problem: asProblem(error) }));
      },
    );
  }, []);

  useEffect(() => {
    setState((was) => ({ ...was, hasBegun: false, cursor: null }));
    fetchPage(null);
    return () => running.current?.abort();
  }, [...deps]);

  const { items, problem, isLoading, cursor, hasBegun } = state;
  const more = useCallback(
    () => fetchPage(hasBegun ? cursor : null),
    [fetchPage, hasBegun, cursor],
  );
  const reload = useCallback(() => fetchPage(null), [fetchPage]);
  return { items, problem, isLoading, hasMore: cursor !== null, more, reload };
}

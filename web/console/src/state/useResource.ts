// What a page reads from the service: loading, there, or failed; asked again when what it depends on changes.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, isAborted, type Problem } from "../api/problem.js";

/** Something read from the service. */
export interface Resource<T> {
  data: T | undefined;
  /** Why the last reading failed; what was read before stays in `data`. */
  problem: Problem | null;
  isLoading: boolean;
  /** Reads again, and keeps showing what is there until then. */
  reload: () => void;
}

/** When to read. */
export interface When {
  /** Again so often, in ms, while the page is visible. */
  every?: number;
  /** Not yet. */
  isOff?: boolean;
  /** Shows what was read for other `deps` until the new is there: for filters, not for another person. */
  keeps?: boolean;
}

interface State<T> {
  data: T | undefined;
  problem: Problem | null;
  isLoading: boolean;
}

/** Longest wait before a reading that the service turned away for now is tried again by itself, in ms. */
const LONGEST_WAIT = 30_000;
/** The wait where the service did not say, in ms. */
const USUAL_WAIT = 5000;

/** Reads by `read`, anew whenever one of `deps` changes; a reading that is no longer wanted is called off. */
export function useResource<T>(
  read: (signal: AbortSignal) => Promise<T>,
  deps: readonly unknown[],
  { every, isOff = false, keeps = false }: When = {},
): Resource<T> {
  const [state, setState] = useState<State<T>>({
    data: undefined,
    problem: null,
    isLoading: !isOff,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  const reload = useCallback(() => setRound((was) => was + 1), []);
  const lastDeps = useRef(deps);

  useEffect(() => {
    if (isOff) return setState({ data: undefined, problem: null, isLoading: false });
    const isOther = lastDeps.current.some((dep, at) => dep !== deps[at]);
    lastDeps.current = deps;
    const aborter = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState((was) => ({
      data: isOther && !keeps ? undefined : was.data,
      problem: was.problem,
      isLoading: true,
    }));
    latest.current(aborter.signal).then(
      (data) => {
        if (aborter.signal.aborted) return;
        setState({ data, problem: null, isLoading: false });
        if (every) timer = whenVisible(reload, every);
      },
      (error) => {
        if (aborter.signal.aborted || isAborted(error)) return;
        const problem = asProblem(error);
        setState((was) => ({ data: was.data, problem, isLoading: false }));
        const wait = problem.retryAfter ?? every ?? (problem.isPassing ? USUAL_WAIT : 0);
        if (wait) timer = whenVisible(reload, Math.min(Math.max(wait, 1000), LONGEST_WAIT));
      },
    );
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [...deps, round, isOff, every]);

  return { ...state, reload };
}

/** Calls after `delay` ms, and if the page is hidden then, as soon as it is seen again. */
function whenVisible(call: () => void, delay: number): ReturnType<typeof setTimeout> {
  return setTimeout(() => {
    if (!document.hidden) return call();
    document.addEventListener("visibilitychange", () => call(), { once: true });
  }, delay);
}

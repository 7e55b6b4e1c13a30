// What was before the stream began, and what it missed: read of the history, again where that failed, and not too often.

import { api } from "../../api/client.js";
import { asProblem, isAborted } from "../../api/problem.js";
import type { CursorPage, Transition } from "../../api/types.js";
import { serverNow } from "../../state/clock.js";
import { SPAN } from "./course.js";

/** The least time between two readings, in ms. */
export const APART = 10_000;
/** Pages of the history that are read at most. */
const PAGES_BACK = 3;
const PER_PAGE = 1000;

/** Changes of the last minutes, newest first, and since when (epoch ms) they are all there. */
export interface Past {
  rows: Transition[];
  since: number;
}

/** Reads by `read` whenever it is called, but not more often than each `APART`; a reading that failed is tried again unless
 * it was refused. Ends with `signal`. */
export function pastReader(read: () => Promise<void>, signal: AbortSignal): () => void {
  let notBefore = 0;
  let isWanted = false;
  let isRunning = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  signal.addEventListener("abort", () => clearTimeout(timer));

  const run = async () => {
    isWanted = false;
    isRunning = true;
    notBefore = Date.now() + APART;
    try {
      await read();
    } catch (error) {
      const { status, retryAfter } = asProblem(error);
      isWanted ||= !isAborted(error) && status !== 401 && status !== 403;
      notBefore = Math.max(notBefore, Date.now() + (retryAfter ?? 0));
    }
    isRunning = false;
    if (isWanted) plan();
  };
  const plan = () => {
    isWanted = true;
    if (isRunning || signal.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(run, Math.max(0, notBefore - Date.now()));
  };
  return plan;
}

/** Reads the changes of the last minutes. */
export async function readPast(org: string, signal: AbortSignal): Promise<Past> {
  const since = serverNow() - SPAN;
  const rows: Transition[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_BACK; page += 1) {
    const read: CursorPage<Transition> = await api("/api/presence/transitions/", {
      query: { org, since: new Date(since).toISOString(), limit: PER_PAGE, cursor },
      signal,
    });
    rows.push(...read.results);
    cursor = read.next_cursor;
    if (cursor === null) return { rows, since };
  }
  const oldest = rows.at(-1);
  return { rows, since: oldest ? Date.parse(oldest.occurred_at) : since };
}

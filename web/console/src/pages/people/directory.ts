// The directory as the table needs it: any row of a hundred thousand, fetched by pages when it comes into view. Pages that
// scrolled by are called off before they are asked for; a page after one that is known is asked for behind its cursor, which
// costs the service less than counting to it.

import { type ReadonlySignal, signal } from "@preact/signals";
import { api, type Query } from "../../api/client.js";
import { asProblem, isAborted, type Problem } from "../../api/problem.js";
import type { Person } from "../../api/types.js";
import { pagesOf } from "../../parts/rows.js";
import { learn } from "../../state/names.js";

const PER_PAGE = 100;
/** Pages that are kept; those farthest from view go first. */
const MOST_PAGES = 40;
/** How long to wait, in ms, before what failed is asked for again by itself. */
const RETRY_AFTER = 5000;
/** How long the table must rest before rows are asked for, in ms. */
const REST = 60;

interface PeoplePage {
  count: number | null;
  next_cursor: string | null;
  results: Person[];
}

/** A list of people, by its filters. */
export interface Directory {
  /** How many there are; `null` until the first page has come. */
  count: ReadonlySignal<number | null>;
  problem: ReadonlySignal<Problem | null>;
  /** Changes whenever rows have come. */
  version: ReadonlySignal<number>;
  /** A row, counted from 0; `undefined`: not here yet; `null`: it left the list while its page was read. */
  rowAt: (at: number) => Person | undefined | null;
  /** These rows (`last` not included) are in view. */
  want: (first: number, last: number) => void;
  /** Reads what is in view anew, and shows what is there until then. */
  reload: () => void;
  stop: () => void;
}

/** Opens the list that `query` asks for. */
export function openDirectory(query: Query): Directory {
  const count = signal<number | null>(null);
  const problem = signal<Problem | null>(null);
  const version = signal(0);
  const pages = createPages();
  const running = new Map<number, AbortController>();
  let inView: [first: number, last: number] = [0, 1];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const later = (wait: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => fetchMissing(false), wait);
  };
  const keep = (number: number, page: PeoplePage) => {
    pages.keep(number, page, (inView[0] + inView[1]) / 2 / PER_PAGE + 1);
    if (page.count !== null) count.value = page.count;
    problem.value = null;
    version.value += 1;
  };
  const fail = (error: unknown) => {
    if (isAborted(error)) return;
    problem.value = asProblem(error);
    if (problem.value.isPassing) later(problem.value.retryAfter ?? RETRY_AFTER);
  };
  const fetchPage = (number: number) => {
    const aborter = new AbortController();
    running.set(number, aborter);
    readPage({ ...query, ...pages.placeOf(number) }, aborter.signal)
      .then((page) => keep(number, page), fail)
      .finally(() => {
        if (running.get(number) === aborter) running.delete(number);
      });
  };
  const fetchMissing = (isAnew: boolean) => {
    const wanted = pagesOf(inView[0], inView[1], PER_PAGE);
    if (isAnew) pages.keepOnly(wanted);
    for (const [number, aborter] of running) {
      if (!isAnew && wanted.includes(number)) continue;
      aborter.abort();
      running.delete(number);
    }
    for (const number of wanted) {
      if (!running.has(number) && (isAnew || !pages.has(number))) fetchPage(number);
    }
  };
  fetchMissing(false);
  return {
    count,
    problem,
    version,
    rowAt: pages.rowAt,
    want: (first, last) => {
      inView = [first, Math.max(last, first + 1)];
      later(REST);
    },
    reload: () => fetchMissing(true),
    stop: () => {
      clearTimeout(timer);
      for (const aborter of running.values()) aborter.abort();
    },
  };
}

function readPage(query: Query, signal: AbortSignal): Promise<PeoplePage> {
  return api("/api/users/admin/users/", { query: { ...query, per_page: PER_PAGE }, signal });
}

/** The pages that have come, by number, counted from 1. */
function createPages() {
  const pages = new Map<number, PeoplePage>();
  const dropFarthest = (from: number) => {
    const farthest = [...pages.keys()].reduce((one, other) =>
      Math.abs(one - from) >= Math.abs(other - from) ? one : other,
    );
    pages.delete(farthest);
  };
  return {
    has: (number: number) => pages.has(number),
    /** Keeps a page, and forgets those farthest from the one in view. */
    keep: (number: number, page: PeoplePage, inView: number) => {
      pages.set(number, page);
      for (const person of page.results) learn(person.id, person.username);
      while (pages.size > MOST_PAGES) dropFarthest(inView);
    },
    keepOnly: (numbers: readonly number[]) => {
      for (const number of pages.keys()) if (!numbers.includes(number)) pages.delete(number);
    },
    /** How to ask for a page: behind the cursor of the one before, if that is here. */
    placeOf: (number: number): Query => {
      const cursor = pages.get(number - 1)?.next_cursor;
      return cursor ? { cursor } : { page: number };
    },
    rowAt: (at: number): Person | undefined | null => {
      const page = pages.get(Math.floor(at / PER_PAGE) + 1);
      return page && (page.results[at % PER_PAGE] ?? null);
    },
  };
}

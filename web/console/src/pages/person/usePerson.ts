// What is known about one person, read together and read anew when they change.

import { useCallback, useEffect } from "preact/hooks";
import { api, part } from "../../api/client.js";
import type { Seen } from "../../api/types.js";
import { serverNow } from "../../state/clock.js";
import { may } from "../../state/me.js";
import { presenceOf } from "../../state/presence.js";
import { type Resource, useResource } from "../../state/useResource.js";
import { midnight } from "./days.js";
import type { Detail, Entry, Explanation, Login, Stretch, Timeline } from "./types.js";

/** How often the explanation is read anew, in ms. */
const EXPLAIN_EVERY = 10_000;
/** The history follows presence within about a second. */
const HISTORY_FOLLOWS = 1500;
/** Pages of the history that are read at most. */
const MOST_PAGES = 8;

/** A span of somebody's history, whole or as far as it was read. */
export interface Past {
  since: number;
  until: number;
  intervals: Stretch[];
  entries: Entry[];
  isWhole: boolean;
}

/** Everything that the page shows. */
export interface PersonData {
  /** `undefined` for good of people of other issuers, who have no account here. */
  account: Resource<Detail>;
  seen: Resource<Seen>;
  explanation: Resource<Explanation>;
  logins: Resource<{ results: Login[] }>;
  past: Resource<Past>;
  reload: () => void;
}

/** Whether a user id is that of an account here. */
export function isAccount(id: string): boolean {
  return /^\d+$/.test(id);
}

/** Reads all about `id`. With `why` also what they did unseen; each such reading is recorded with that reason, so it is done
 * once, and again only when it is asked for. */
export function usePerson(id: string, days: number, why: string): PersonData {
  const user = part(id);
  const account = useResource(
    (signal) => api<Detail>(`/api/users/admin/users/${user}/`, { signal }),
    [id],
    {
      isOff: !isAccount(id),
    },
  );
  const seen = useResource((signal) => api<Seen>(`/api/presence/users/${user}/`, { signal }), [id]);
  const isSilent = !may("view_history");
  const explanation = useResource(
    (signal) =>
      api<Explanation>(`/api/presence/users/${user}/explain/`, { query: { why }, signal }),
    [id, why],
    why === "" ? { isOff: isSilent, every: EXPLAIN_EVERY } : { isOff: isSilent },
  );
  const past = useResource((signal) => readPast(user, days, why, signal), [id, days, why], {
    isOff: isSilent,
    keeps: true,
  });
  const logins = useResource(
    (signal) => api<{ results: Login[] }>(`/api/users/admin/users/${user}/sessions/`, { signal }),
    [id],
    { isOff: !isAccount(id) || !may("force_logout_user") },
  );
  const all = [account, seen, explanation, logins, past];
  const reload = useCallback(
    () => {
      for (const resource of all) resource.reload();
    },
    all.map((resource) => resource.reload),
  );
  useReloadOnChange(id, why === "" ? reload : null);
  return { account, seen, explanation, logins, past, reload };
}

function useReloadOnChange(id: string, reload: (() => void) | null): void {
  const view = presenceOf(id).value;
  const known = view && `${view.status} ${view.version}`;
  useEffect(() => {
    if (!known || !reload) return;
    const timer = setTimeout(reload, HISTORY_FOLLOWS);
    return () => clearTimeout(timer);
  }, [known, reload]);
}

async function readPast(
  user: string,
  days: number,
  why: string,
  signal: AbortSignal,
): Promise<Past> {
  const until = serverNow();
  const since = midnight(until, 1 - days);
  const past: Past = { since, until, intervals: [], entries: [], isWhole: true };
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const read: Timeline = await api(`/api/presence/users/${user}/timeline/`, {
      query: {
        since: new Date(since).toISOString(),
        until: new Date(until).toISOString(),
        limit: 1000,
        why,
        cursor,
      },
      signal,
    });
    past.intervals.push(...read.intervals);
    past.entries.push(...read.entries);
    cursor = read.next_cursor;
    if (cursor === null) return past;
  }
  past.isWhole = false;
  return past;
}

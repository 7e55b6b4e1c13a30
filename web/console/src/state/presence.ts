// Live presence by the SDK: one connection for the console, one signal for each person who is shown, so that a change redraws
// their dot and nothing else.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { connect, type Rollcall, type View } from "@rollcall/sdk";
import { useEffect, useRef } from "preact/hooks";
import { accessToken } from "../api/session.js";
import type { Status } from "../api/types.js";

/** Somebody's presence as the SDK tells it. */
export type Presence = View;

/** How the connection stands: `live`, `polling`, `waiting`, `connecting` or `stopped`. */
export const connectionState = signal<string>("connecting");
/** The own status, as the service knows it. */
export const ownStatus = signal<Status>("online");

/** How long rows must stay in view before they are watched, in ms: nobody is told of rows that fly by. */
const REST = 150;

let rollcall: Rollcall | null = null;

/** What is known of somebody, for as long as they are watched or drawn. */
interface Entry {
  view: Signal<Presence | undefined>;
  watchers: number;
  isDrawn: boolean;
}

const views = new Map<string, Entry>();

/** Connects, as whoever is signed in. */
export function startPresence(): void {
  if (rollcall) return;
  rollcall = connect({ url: location.origin, token: () => accessToken() });
  rollcall.on("state", (event: { state: string }) => {
    connectionState.value = event.state;
  });
  rollcall.on("status", (event: { status: Status }) => {
    ownStatus.value = event.status;
  });
}

/** Says goodbye. */
export function stopPresence(): void {
  void rollcall?.close();
  rollcall = null;
  views.clear();
  ownStatus.value = "online";
  connectionState.value = "connecting";
}

/** Says how one is; `online` takes it back. */
export async function setOwnStatus(
  status: "online" | "busy" | "away" | "invisible",
): Promise<void> {
  await rollcall?.setStatus(status);
  ownStatus.value = status;
}

/** The presence of somebody who is watched; `undefined` until it has been told. */
export function presenceOf(id: string): ReadonlySignal<Presence | undefined> {
  return entry(id).view;
}

/** Watches people, beginning with their presence now, until what it answers is called. */
export function watchPeople(ids: readonly string[]): () => void {
  const mine = [...ids];
  const watched = mine.map((id) => [id, entry(id)] as const);
  for (const [, one] of watched) one.watchers += 1;
  const stop = rollcall?.watch(mine, (view) => {
    const known = views.get(view.user_id);
    if (known) known.view.value = view;
  });
  return () => {
    stop?.();
    for (const [id, one] of watched) {
      one.watchers -= 1;
      forgetUnused(id, one);
    }
  };
}

/** Watches people while the component is shown. The next list begins before the last is left, so that those who are in both
 * are watched without a gap. */
export function useWatch(ids: readonly string[]): void {
  const key = ids.join(" ");
  const leave = useRef<(() => void) | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(() => {
      const leaveLast = leave.current;
      leave.current = key === "" ? undefined : watchPeople(key.split(" "));
      leaveLast?.();
    }, REST);
    return () => clearTimeout(timer);
  }, [key]);
  useEffect(
    () => () => {
      const leaveLast = leave.current;
      // Later than the next page begins, which may show the same people.
      if (leaveLast) setTimeout(leaveLast, 2 * REST);
    },
    [],
  );
}

function entry(id: string): Entry {
  const known = views.get(id);
  if (known) return known;
  const made: Entry = {
    view: signal<Presence | undefined>(undefined, {
      watched: () => {
        made.isDrawn = true;
      },
      unwatched: () => {
        made.isDrawn = false;
        forgetUnused(id, made);
      },
    }),
    watchers: 0,
    isDrawn: false,
  };
  views.set(id, made);
  return made;
}

function forgetUnused(id: string, one: Entry): void {
  if (one.watchers === 0 && !one.isDrawn && views.get(id) === one) views.delete(id);
}

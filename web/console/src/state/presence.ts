// Live presence by the SDK: one connection for the console, one signal for each person who is shown, so that a change redraws
// their dot and nothing else.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { connect, type Rollcall, type View } from "@rollcall/sdk";
import { useEffect } from "preact/hooks";
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
const views = new Map<string, { view: Signal<Presence | undefined>; watchers: number }>();

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
  for (const id of mine) entry(id).watchers += 1;
  const stop = rollcall?.watch(mine, (view) => {
    entry(view.user_id).view.value = view;
  });
  return () => {
    stop?.();
    for (const id of mine) {
      const watched = views.get(id);
      if (!watched) continue;
      watched.watchers -= 1;
      if (watched.watchers === 0) views.delete(id);
    }
  };
}

/** Watches people while the component is shown; when the list changes, those who stay are watched without a gap. */
export function useWatch(ids: readonly string[]): void {
  const key = ids.join(" ");
  useEffect(() => {
    if (key === "") return;
    let stop: (() => void) | undefined;
    const timer = setTimeout(() => {
      stop = watchPeople(key.split(" "));
    }, REST);
    return () => {
      clearTimeout(timer);
      // Later than the next list begins.
      if (stop) setTimeout(stop, 2 * REST);
    };
  }, [key]);
}

function entry(id: string): { view: Signal<Presence | undefined>; watchers: number } {
  let known = views.get(id);
  if (!known) {
    known = { view: signal(undefined), watchers: 0 };
    views.set(id, known);
  }
  return known;
}

// What has just happened, said once: shown for a while, and read out by screen readers without interrupting.

import { signal } from "@preact/signals";
import { asProblem } from "../api/problem.js";

/** One message. */
export interface Toast {
  id: number;
  kind: "done" | "failed";
  text: string;
  /** More, such as the request's id. */
  detail?: string | undefined;
}

/** Those that are shown. */
export const toasts = signal<readonly Toast[]>([]);
/** Read out, never shown: for lists that were filtered, say. */
export const announcement = signal("");

/** How long a message stays, in ms; one that tells of a failure stays until it is closed. */
const STAYS = 6000;
let lastId = 0;

/** Says that something was done. */
export function tell(text: string, detail?: string): void {
  const id = add({ kind: "done", text, detail });
  setTimeout(() => dismiss(id), STAYS);
}

/** Says that something was not done, and why. */
export function tellProblem(text: string, error: unknown): void {
  const { detail, requestId } = asProblem(error);
  add({
    kind: "failed",
    text: `${text}: ${detail}`,
    detail: requestId ? `Request ${requestId}` : undefined,
  });
}

/** Takes a message away. */
export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Has something read out by screen readers. */
export function announce(text: string): void {
  announcement.value = text;
}

function add(toast: Omit<Toast, "id">): number {
  lastId += 1;
  toasts.value = [...toasts.value.slice(-3), { ...toast, id: lastId }];
  return lastId;
}

// Who is signed in, and what they may do. The service decides again on each request; the console only leaves out what it
// would refuse.

import { signal } from "@preact/signals";
import { api } from "../api/client.js";
import { onProblem } from "../api/problem.js";
import { standing } from "../api/session.js";
import type { Permission, Person, Role } from "../api/types.js";

/** Who is signed in. */
export interface Me {
  account: Person;
  role: Role;
  permissions: ReadonlySet<Permission>;
}

/** Who is signed in; `null` until that has been read. */
export const me = signal<Me | null>(null);

/** How often, in ms, a refusal may have everything read again. */
const AGAIN_AFTER = 10_000;

/** Whether the role demands a second factor that the account has not got: until then it is a plain user's. */
export const isFactorMissing = signal(false);

/** Whether whoever is signed in may do something. */
export function may(permission: Permission): boolean {
  return me.value?.permissions.has(permission) ?? false;
}

/** Reads who is signed in. */
export async function readMe(signal?: AbortSignal): Promise<Me> {
  const [account, allowed, factor] = await Promise.all([
    api<Person>("/api/auth/me/", { signal }),
    api<{ role: Role; permissions: Permission[] }>("/api/admin/my-permissions/", { signal }),
    api<{ enabled: boolean; required: boolean }>("/api/auth/totp/", { signal }),
  ]);
  const read = { account, role: allowed.role, permissions: new Set(allowed.permissions) };
  // An answer to whoever has signed out meanwhile is nobody's.
  if (standing.value === "in" && !signal?.aborted) {
    isFactorMissing.value = factor.required && !factor.enabled;
    me.value = read;
  }
  return read;
}

let again = new AbortController();
let lastAgain = Number.NEGATIVE_INFINITY;

standing.subscribe((now) => {
  if (now === "in") return;
  again.abort();
  again = new AbortController();
  lastAgain = Number.NEGATIVE_INFINITY;
});

// What was allowed a moment ago is refused: the role has changed, or demands a second factor now.
onProblem.add(({ code }) => {
  if (code !== "forbidden" && code !== "totp_enrolment_required") return;
  if (me.value === null || standing.value !== "in") return;
  if (Date.now() - lastAgain < AGAIN_AFTER) return;
  lastAgain = Date.now();
  readMe(again.signal).catch(() => undefined);
});

// Who is signed in, and what they may do. The service decides again on each request; the console only leaves out what it
// would refuse.

import { signal } from "@preact/signals";
import { api } from "../api/client.js";
import { onProblem } from "../api/problem.js";
import type { Permission, Person, Role } from "../api/types.js";

/** Who is signed in. */
export interface Me {
  account: Person;
  role: Role;
  permissions: ReadonlySet<Permission>;
}

/** Who is signed in; `null` until that has been read. */
export const me = signal<Me | null>(null);

/** Whether the role demands a second factor that the account has not got: then nothing else works. */
export const isFactorMissing = signal(false);

onProblem.add(({ code }) => {
  if (code === "totp_enrolment_required") isFactorMissing.value = true;
});

/** Whether whoever is signed in may do something. */
export function may(permission: Permission): boolean {
  return me.value?.permissions.has(permission) ?? false;
}

/** Reads who is signed in. */
export async function readMe(signal?: AbortSignal): Promise<Me> {
  const [account, allowed] = await Promise.all([
    api<Person>("/api/auth/me/", { signal }),
    api<{ role: Role; permissions: Permission[] }>("/api/admin/my-permissions/", { signal }),
  ]);
  me.value = { account, role: allowed.role, permissions: new Set(allowed.permissions) };
  return me.value;
}

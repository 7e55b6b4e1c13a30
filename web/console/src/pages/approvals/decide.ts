// Letting people in and turning them away: one by one, or many at once.

import { api, part } from "../../api/client.js";

/** What was decided. */
export type Decision = "approve" | "reject";

/** Ids that one request may name. */
const AT_ONCE = 500;

/** What became of one of them. */
export interface Outcome {
  id: number;
  ok: boolean;
  /** In words, if it was not done. */
  detail: string | null;
}

/** Decides on some accounts; one that could not be decided does not keep the others waiting. */
export async function decide(
  ids: readonly number[],
  decision: Decision,
  reason: string,
): Promise<Outcome[]> {
  const body = reason ? { reason } : {};
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) {
    await api(`/api/users/admin/users/${part(only)}/${decision}/`, { method: "POST", body });
    return [{ id: only, ok: true, detail: null }];
  }
  const outcomes: Outcome[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE);
    const told = await api<{ results: Outcome[] }>("/api/users/admin/users/bulk/", {
      method: "POST",
      body: { action: decision, ids: some, ...body },
    });
    outcomes.push(...told.results);
  }
  return outcomes;
}

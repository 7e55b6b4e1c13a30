// Who acted, on what, and how much it matters.

import { Badge, PersonLink, type Tone } from "../../parts/index.js";
import type { Action } from "./shapes.js";

const TONES: Record<string, Tone> = { warning: "warn", critical: "bad", error: "bad" };

/** How much it matters; what is of no weight says nothing. */
export function SeverityBadge({ severity }: { severity: string }) {
  if (severity === "info") return null;
  return <Badge tone={TONES[severity] ?? "plain"}>{severity}</Badge>;
}

/** Who did it. */
export function Actor({ action }: { action: Action }) {
  const { actor, actor_id } = action;
  // `cli` and `dev` act, too, and are nobody's id.
  const isPerson = actor_id !== null && /^\d+$|~/.test(actor_id);
  return isPerson ? <PersonLink id={actor_id} name={actor} /> : <span>{actor}</span>;
}

/** On whom or what it was done. */
export function Target({ action }: { action: Action }) {
  const { target_type, target_id } = action;
  // Other targets are numbered, too: webhook 1 is not person 1.
  if (target_type === "USER" && target_id !== null && target_id === action.actor_id) {
    return <span class="faint">themselves</span>;
  }
  if (target_id === null) return <span class="faint">{target_type?.toLowerCase() ?? "–"}</span>;
  if (target_type === "USER") return <PersonLink id={target_id} />;
  return (
    <>
      {target_type && <span class="faint">{target_type.toLowerCase()} </span>}
      <code>{target_id}</code>
    </>
  );
}

// What is asked before people are let in or turned away.

import type { Person } from "../../api/types.js";
import { ConfirmAction } from "../../parts/index.js";
import { plural } from "../../state/words.js";
import type { Decision } from "./decide.js";

/** Names that are listed before the rest is only counted. */
const NAMED = 8;

/** Asks for the reason, and tells whom it concerns. */
export function DecisionDialog({
  people,
  decision,
  carryOut,
  onClose,
}: {
  people: readonly Person[];
  decision: Decision;
  carryOut: (ids: readonly number[], decision: Decision, reason: string) => Promise<void>;
  onClose: () => void;
}) {
  const whom =
    people.length === 1 ? (people[0]?.username ?? "") : plural(people.length, "person", "people");
  const names = people.slice(0, NAMED).map((person) => person.username);
  const rest = people.length - names.length;
  const isApproval = decision === "approve";
  return (
    <ConfirmAction
      title={isApproval ? `Let ${whom} in?` : `Turn ${whom} away?`}
      about={
        <>
          {people.length > 1 && (
            <p>
              {names.join(", ")}
              {rest > 0 && ` and ${rest} more`}.
            </p>
          )}
          <p>
            {isApproval
              ? "They can log in at once."
              : "They are banned, and their names stay taken. An administrator can activate them later."}
          </p>
        </>
      }
      verb={isApproval ? "Let in" : "Turn away"}
      isDangerous={!isApproval}
      reason="optional"
      onConfirm={(reason) =>
        carryOut(
          people.map((person) => person.id),
          decision,
          reason,
        )
      }
      onClose={onClose}
    />
  );
}

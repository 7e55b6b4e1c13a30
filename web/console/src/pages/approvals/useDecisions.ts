// Who is chosen, who is decided on, and deciding.

import { useCallback, useState } from "preact/hooks";
import { asProblem } from "../../api/problem.js";
import type { Person } from "../../api/types.js";
import { tell, tellProblem } from "../../state/toasts.js";
import { plural } from "../../state/words.js";
import { type Decision, decide } from "./decide.js";

/** Those on whom it was decided since the list was read. */
type Decided = ReadonlyMap<number, Decision>;

/** The decisions on a list. `counted` is called when fewer wait. */
export function useDecisions(counted: () => void) {
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [decided, setDecided] = useState<Decided>(new Map());
  const carryOut = useCallback(
    async (ids: readonly number[], decision: Decision, reason: string) => {
      const outcomes = await decide(ids, decision, reason);
      const done = outcomes.filter((outcome) => outcome.ok).map((outcome) => outcome.id);
      setDecided((was) => new Map([...was, ...done.map((id) => [id, decision] as const)]));
      setChosen((was) => new Set([...was].filter((id) => !done.includes(id))));
      const verb = decision === "approve" ? "let in" : "turned away";
      if (done.length > 0) tell(`${plural(done.length, "person is", "people are")} ${verb}.`);
      const failed = outcomes.find((outcome) => !outcome.ok);
      if (failed) {
        const left = plural(outcomes.length - done.length, "person was", "people were");
        tellProblem(`${left} not decided on`, asProblem(new Error(failed.detail ?? "unknown")));
      }
      counted();
    },
    [counted],
  );
  const approve = useCallback(
    (person: Person) =>
      void carryOut([person.id], "approve", "").catch((error) =>
        tellProblem(`${person.username} was not let in`, error),
      ),
    [carryOut],
  );
  const forget = () => {
    setChosen(new Set());
    setDecided(new Map());
  };
  return { chosen, setChosen, decided, carryOut, approve, forget };
}

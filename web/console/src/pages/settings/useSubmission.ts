// Sending a form: once at a time, and what the service refused stays beside the fields.

import { useState } from "preact/hooks";
import { asProblem, type Problem } from "../../api/problem.js";

/** A form on its way. */
export interface Submission {
  isBusy: boolean;
  problem: Problem | null;
  /** For the form's `onSubmit`. */
  submit: (event: Event) => Promise<void>;
}

/** Does `work` when the form is sent; what it throws is kept as the problem. */
export function useSubmission(work: () => Promise<unknown>): Submission {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return { isBusy, problem, submit };
}

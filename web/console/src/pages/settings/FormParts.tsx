// What the forms of the settings share: sets of boxes, the end of a life, the foot with its buttons.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { DateTimeField, ErrorNotice, Select } from "../../parts/index.js";
import { serverNow } from "../../state/clock.js";
import type { Submission } from "./useSubmission.js";

/** Some of several. */
export function Boxes({
  label,
  options,
  chosen,
  onChange,
  error,
}: {
  label: string;
  options: readonly (readonly [value: string, words: string])[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  error?: string | undefined;
}) {
  const more = useId();
  const toggle = (value: string) =>
    onChange(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
  return (
    <fieldset class="boxes" aria-describedby={error ? more : undefined}>
      <legend class="field-label">{label}</legend>
      {options.map(([value, words]) => (
        <label key={value} class="box">
          <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
          <span>
            {words} <code class="faint">{value}</code>
          </span>
        </label>
      ))}
      {error && (
        <p id={more} class="field-error">
          {error}
        </p>
      )}
    </fieldset>
  );
}

const DAY = 86_400_000;

/** Ends to choose from. */
export type Ends = readonly (readonly [value: string, words: string])[];

/**
 * The milliseconds that a chosen end means, from now on; `null` for none.
 *
 * Of an end that has passed they are negative: the service refuses them, and the field says so.
 */
export function lifeOf(choice: string, at: string, now = serverNow()): number | null {
  if (choice === "never") return null;
  if (choice === "date") return Math.floor(Date.parse(at) - now) || -1;
  return Number(choice) * DAY;
}

/** When something ends: never, after so many days, or at a moment. */
export function EndField({
  ends,
  error,
  onChange,
  initial,
}: {
  /** The values are days, `never` and `date`. */
  ends: Ends;
  initial: string;
  error?: string | undefined;
  /** Called with the choice and, of `date`, the moment. */
  onChange: (choice: string, at: string) => void;
}) {
  const [choice, setChoice] = useState(initial);
  const [at, setAt] = useState("");
  return (
    <>
      <Select
        label="Ends"
        value={choice}
        options={ends}
        error={choice === "date" ? undefined : error}
        onChange={(value) => {
          setChoice(value);
          onChange(value, at);
        }}
      />
      {choice === "date" && (
        <DateTimeField
          label="Ends at"
          hint="In your time zone."
          value={at}
          required
          error={error}
          onChange={(value) => {
            setAt(value);
            onChange(choice, value);
          }}
        />
      )}
    </>
  );
}

/** What went wrong, and the buttons. */
export function FormFoot({
  submission,
  verb,
  onClose,
  children,
}: {
  submission: Submission;
  verb: string;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  return (
    <>
      {submission.problem && <ErrorNotice problem={submission.problem} />}
      <footer class="dialog-foot">
        {children}
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="button is-primary" disabled={submission.isBusy}>
          {submission.isBusy ? "Working…" : verb}
        </button>
      </footer>
    </>
  );
}

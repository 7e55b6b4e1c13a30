// A text field of a filter that tells its text once the typing rests: each text is a request, and some are audited.

import { useEffect, useRef, useState } from "preact/hooks";
import { TextField } from "../../parts/index.js";
import "./records.css";

/** How long typing must rest, in ms. */
const REST = 250;

/** A filter by any text; `onChange` gets it without the spaces around it. */
export function RestingField({
  label,
  value,
  onChange,
  placeholder,
  maxLength,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Stands for no filter. */
  placeholder: string;
  maxLength?: number;
}) {
  const [typed, setTyped] = useState(value);
  const latest = useRef(onChange);
  latest.current = onChange;
  const word = typed.trim();
  // A space at the end may stand before another word, so it stays.
  useEffect(() => setTyped((was) => (was.trim() === value ? was : value)), [value]);
  useEffect(() => {
    if (word === value) return;
    const timer = setTimeout(() => latest.current(word), REST);
    return () => clearTimeout(timer);
  }, [word, value]);
  return (
    <div class="filter-narrow">
      <TextField
        {...{ label, placeholder }}
        value={typed}
        onInput={setTyped}
        {...(maxLength && { maxLength })}
      />
    </div>
  );
}

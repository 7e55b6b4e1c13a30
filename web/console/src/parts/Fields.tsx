// Fields of forms and filters: a label that is always there, a hint, and what is wrong, tied to the input for screen readers.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Moment } from "../api/types.js";
import { Icon } from "./Icon.js";

/** What every field has. */
export interface FieldProps {
  label: string;
  /** Keeps the label for screen readers only, where the place says enough. */
  hasHiddenLabel?: boolean;
  hint?: string | undefined;
  error?: string | undefined;
}

type Ties = { id: string; "aria-describedby"?: string; "aria-invalid"?: true };

/** The frame of a field; `children` draws the input with the ties to label, hint and error. */
export function Field({
  label,
  hasHiddenLabel = false,
  hint,
  error,
  children,
}: FieldProps & { children: (ties: Ties) => ComponentChildren }) {
  const id = useId();
  const more = error ?? hint;
  const ties: Ties = { id };
  if (more) ties["aria-describedby"] = `${id}-more`;
  if (error) ties["aria-invalid"] = true;
  return (
    <div class="field">
      <label for={id} class={hasHiddenLabel ? "unseen" : "field-label"}>
        {label}
      </label>
      {children(ties)}
      {more && (
        <p id={`${id}-more`} class={error ? "field-error" : "field-hint"}>
          {more}
        </p>
      )}
    </div>
  );
}

type InputProps = FieldProps & {
  value: string;
  onInput: (value: string) => void;
} & Pick<
    JSX.InputHTMLAttributes,
    | "type"
    | "required"
    | "placeholder"
    | "maxLength"
    | "autoComplete"
    | "min"
    | "max"
    | "inputMode"
    | "pattern"
    | "disabled"
  >;

/** A line of text. */
export function TextField({ label, hasHiddenLabel, hint, error, onInput, ...input }: InputProps) {
  return (
    <Field {...{ label, hint, error }} hasHiddenLabel={hasHiddenLabel ?? false}>
      {(ties) => (
        <input
          class="input"
          {...ties}
          {...input}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** Several lines of text. */
export function TextArea({
  label,
  hint,
  error,
  value,
  onInput,
  maxLength = 500,
  required = false,
}: FieldProps & {
  value: string;
  onInput: (value: string) => void;
  maxLength?: number;
  required?: boolean;
}) {
  return (
    <Field {...{ label, hint, error }}>
      {(ties) => (
        <textarea
          class="input"
          rows={2}
          {...ties}
          {...{ value, maxLength, required }}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** One of several: pairs of value and words. */
export function Select({
  label,
  hasHiddenLabel = false,
  hint,
  error,
  value,
  options,
  onChange,
}: FieldProps & {
  value: string;
  options: readonly (readonly [value: string, words: string])[];
  onChange: (value: string) => void;
}) {
  return (
    <Field {...{ label, hint, error, hasHiddenLabel }}>
      {(ties) => (
        <select
          class="input"
          {...ties}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
        >
          {options.map(([option, words]) => (
            <option key={option} value={option}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A moment in the reader's own time zone; `value` and what `onChange` gets are RFC 3339, or empty. */
export function DateTimeField({
  value,
  onChange,
  required,
  ...frame
}: FieldProps & {
  value: Moment | "";
  onChange: (value: Moment | "") => void;
  required?: boolean;
}) {
  return (
    <Field {...frame}>
      {(ties) => (
        <input
          class="input"
          type="datetime-local"
          {...ties}
          required={required ?? false}
          value={toLocal(value)}
          onChange={(event) => {
            const at = fromLocal(event.currentTarget.value);
            if (isTyped(at)) onChange(at);
          }}
        />
      )}
    </Field>
  );
}

/** Whether a moment is meant: while a year is typed, browsers tell the years 2, 20 and 202 before 2026. */
export function isTyped(at: Moment | ""): boolean {
  return at === "" || Date.parse(at) >= 0;
}

/** RFC 3339 as `datetime-local` writes it: local time to the minute. */
export function toLocal(at: Moment | ""): string {
  const date = new Date(at);
  if (at === "" || Number.isNaN(date.getTime())) return "";
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** What `datetime-local` holds, as RFC 3339. */
export function fromLocal(local: string): Moment | "" {
  const date = new Date(local);
  return local === "" || Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/** How long typing must rest before a search begins, in ms. */
const REST = 250;

/** A search that follows the typing once it rests. The key `/` leads to it from anywhere on the page. */
export function SearchField({
  label,
  value,
  onSearch,
  placeholder,
}: {
  label: string;
  value: string;
  onSearch: (value: string) => void;
  placeholder?: string;
}) {
  const [typed, setTyped] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  // What comes back of a search is what was typed without the spaces around it, and must not undo what was typed since.
  const sent = useRef(value);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    if (timer.current) clearTimeout(timer.current);
    setTyped(value);
  }, [value]);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => {
      if (timer.current) clearTimeout(timer.current);
      document.removeEventListener("keydown", focus);
    };
  }, []);
  const later = (next: string) => {
    setTyped(next);
    if (timer.current) clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = next.trim();
      onSearch(sent.current);
    }, REST);
  };
  return (
    <Field label={label} hasHiddenLabel>
      {(ties) => (
        <span class="search">
          <Icon name="search" size={16} />
          <input
            ref={input}
            class="input"
            type="search"
            aria-keyshortcuts="/"
            {...ties}
            placeholder={placeholder ?? label}
            value={typed}
            autoComplete="off"
            spellcheck={false}
            onInput={(event) => later(event.currentTarget.value)}
          />
          <kbd class="search-key">/</kbd>
        </span>
      )}
    </Field>
  );
}

// A field for a user id that also takes the beginning of a name: the accounts that fit are offered below it.

import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { Person } from "../../api/types.js";
import { Field } from "../../parts/index.js";
import { learn } from "../../state/names.js";
import "./records.css";

/** How long typing must rest, in ms. */
const REST = 250;
/** Names offered at a time. */
const OFFERED = 8;

const NO_OTHERS: readonly string[] = [];

/** Chooses somebody. `value` is a user id. */
export function PersonField({
  label,
  value,
  onChange,
  others = NO_OTHERS,
}: {
  label: string;
  value: string;
  onChange: (id: string) => void;
  /** Words that stand for somebody without an account. */
  others?: readonly string[];
}) {
  const list = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const found = useSuggestions(typed.trim(), value, onChange, others);
  return (
    <div class="filter-narrow">
      <Field label={label}>
        {(ties) => (
          <>
            <input
              class="input"
              {...ties}
              list={list}
              value={typed}
              placeholder="Name or id"
              autoComplete="off"
              spellcheck={false}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
            <datalist id={list}>
              {found.map((person) => (
                <option key={person.id} value={String(person.id)}>
                  {person.username}
                </option>
              ))}
            </datalist>
          </>
        )}
      </Field>
    </div>
  );
}

/** The accounts that fit what was typed; an id is taken as it is, as soon as the typing rests. */
function useSuggestions(
  word: string,
  value: string,
  onChange: (id: string) => void,
  others: readonly string[],
): readonly Person[] {
  const [found, setFound] = useState<readonly Person[]>([]);
  useEffect(() => {
    if (word === value) return;
    const aborter = new AbortController();
    const timer = setTimeout(() => {
      if (isId(word) || others.includes(word)) return onChange(word);
      search(word, aborter.signal).then(setFound, () => setFound([]));
    }, REST);
    return () => {
      aborter.abort();
      clearTimeout(timer);
    };
  }, [word, value, onChange, others]);
  return found;
}

/** Numbers are accounts, a tilde stands in ids of other issuers; nothing at all is everybody. */
function isId(word: string): boolean {
  return word === "" || /^\d+$/.test(word) || word.includes("~");
}

async function search(word: string, signal: AbortSignal): Promise<Person[]> {
  const query = { search: word, per_page: OFFERED };
  const page = await api<{ results: Person[] }>("/api/users/admin/users/", { query, signal });
  for (const person of page.results) learn(person.id, person.username);
  return page.results;
}

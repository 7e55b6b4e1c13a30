// The table of those who wait. Inside of it single keys work, so that a long queue needs no mouse.

import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Person } from "../../api/types.js";
import { Badge, PersonLink, Time } from "../../parts/index.js";
import type { Decision } from "./decide.js";

/** What the table is told. */
export interface WaitingProps {
  people: readonly Person[];
  isBusy: boolean;
  chosen: ReadonlySet<number>;
  setChosen: (chosen: ReadonlySet<number>) => void;
  decided: ReadonlyMap<number, Decision>;
  approve: (person: Person) => void;
  reject: (person: Person) => void;
}

/** The table. */
export function Waiting(props: WaitingProps) {
  const { people, chosen, setChosen, decided } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const open = people.filter((person) => !decided.has(person.id));
  const isAll = open.length > 0 && open.every((person) => chosen.has(person.id));
  const toggleAll = () => setChosen(new Set(isAll ? [] : open.map((person) => person.id)));
  const keys = (event: JSX.TargetedKeyboardEvent<HTMLElement>) => onKey(event, body.current, props);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls sideways must be reachable by keyboard
    <section class="table-frame" aria-label="People who wait" tabIndex={0} onKeyDown={keys}>
      <table class="table" aria-busy={props.isBusy}>
        <caption class="unseen">People who wait to be let in</caption>
        <thead>
          <tr>
            <th scope="col">
              <label class="check">
                <span class="unseen">Choose all</span>
                <input
                  type="checkbox"
                  checked={isAll}
                  indeterminate={!isAll && chosen.size > 0}
                  onChange={toggleAll}
                />
              </label>
            </th>
            <th scope="col">Who</th>
            <th scope="col" class="from-tablet">
              Address
            </th>
            <th scope="col" class="from-tablet">
              Waits since
            </th>
            <th scope="col" class="is-number">
              Decision
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {people.map((person) => (
            <Row key={person.id} person={person} {...props} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ person, ...props }: WaitingProps & { person: Person }) {
  const { chosen, setChosen, decided } = props;
  const decision = decided.get(person.id);
  const isChosen = chosen.has(person.id);
  const toggle = () => {
    const next = new Set(chosen);
    if (!next.delete(person.id)) next.add(person.id);
    setChosen(next);
  };
  return (
    <tr data-id={person.id} class={decision ? "is-over" : isChosen ? "is-chosen" : undefined}>
      <td>
        <label class="check">
          <span class="unseen">Choose {person.username}</span>
          <input
            type="checkbox"
            checked={isChosen}
            disabled={decision !== undefined}
            onChange={toggle}
          />
        </label>
      </td>
      <td>
        <PersonLink id={person.id} name={person.username} />
        {person.full_name && <div class="faint small">{person.full_name}</div>}
        <div class="faint small phone-only">
          <Time at={person.created_at} />
        </div>
      </td>
      <td class="from-tablet">{person.email || "–"}</td>
      <td class="from-tablet">
        <Time at={person.created_at} />
      </td>
      <td class="is-number">
        {decision ? (
          <Badge tone={decision === "approve" ? "good" : "bad"}>
            {decision === "approve" ? "let in" : "turned away"}
          </Badge>
        ) : (
          <Buttons person={person} {...props} />
        )}
      </td>
    </tr>
  );
}

function Buttons({ person, approve, reject }: WaitingProps & { person: Person }) {
  return (
    <span class="decide">
      <button
        type="button"
        class="button is-small"
        aria-label={`Let in ${person.username}`}
        onClick={() => approve(person)}
      >
        Let in
      </button>
      <button
        type="button"
        class="button is-small is-quiet"
        aria-label={`Turn away ${person.username}`}
        onClick={() => reject(person)}
      >
        Turn away
      </button>
    </span>
  );
}

/** Single keys count only while the focus is in a row, so that they are in nobody's way. */
function onKey(event: KeyboardEvent, body: HTMLElement | null, props: WaitingProps): void {
  // Each decision moves on to the next row: a key that is held would decide on everybody.
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  const row = (event.target as HTMLElement).closest<HTMLElement>("tr[data-id]");
  if (!row || !body || event.ctrlKey || event.metaKey || event.altKey) return;
  const person = props.people.find(({ id }) => String(id) === row.dataset.id);
  const isOpen = person !== undefined && !props.decided.has(person.id);
  const acts: Record<string, () => void> = {
    ArrowDown: () => focusRow(row.nextElementSibling),
    ArrowUp: () => focusRow(row.previousElementSibling),
    a: () => {
      if (!isOpen) return;
      props.approve(person);
      focusRow(row.nextElementSibling ?? row);
    },
    r: () => isOpen && props.reject(person),
  };
  const act = acts[event.key] ?? acts[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

/** The box of a row, or its link where the box is out of use. */
function focusRow(row: Element | null): void {
  const target =
    row?.querySelector<HTMLElement>("input:enabled") ?? row?.querySelector<HTMLElement>("a");
  target?.focus();
}

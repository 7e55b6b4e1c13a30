// The column by which people are chosen: a checkbox in each row, and one in the head for everybody in view.

import type { Signal } from "@preact/signals";
import type { Person } from "../../api/types.js";
import type { Column } from "../../parts/index.js";
import type { Directory } from "./directory.js";
import type { Selection } from "./selection.js";

/** The rows in view: from the first to the last (not included). */
export type InView = Signal<readonly [first: number, last: number]>;

/** The accounts in these rows, as far as they have come. */
export function idsOf(directory: Directory, [first, last]: readonly [number, number]): number[] {
  const ids: number[] = [];
  for (let at = first; at < last; at += 1) {
    const person = directory.rowAt(at);
    if (person) ids.push(person.id);
  }
  return ids;
}

/** The column. */
export function choosing(
  directory: Directory,
  selection: Selection,
  inView: InView,
): Column<Person> {
  const rowOf = (id: number) => {
    const [first, last] = inView.peek();
    for (let at = first; at < last; at += 1) if (directory.rowAt(at)?.id === id) return at;
    return -1;
  };
  return {
    key: "choose",
    width: "min(52px, 11vw)",
    head: <ChooseAll {...{ directory, selection, inView }} />,
    cell: (person) => (
      <label class="check">
        <input
          type="checkbox"
          aria-label={`Choose ${person.username}`}
          checked={selection.ids.value.has(person.id)}
          onClick={(event) => {
            selection.toggle(rowOf(person.id), event.shiftKey);
            // Nobody is chosen beyond the most that one request may name.
            event.currentTarget.checked = selection.ids.value.has(person.id);
          }}
        />
      </label>
    ),
  };
}

function ChooseAll({
  directory,
  selection,
  inView,
}: {
  directory: Directory;
  selection: Selection;
  inView: InView;
}) {
  void directory.version.value;
  const ids = idsOf(directory, inView.value);
  const chosen = ids.filter((id) => selection.ids.value.has(id)).length;
  return (
    <label class="check">
      <input
        type="checkbox"
        aria-label="Choose everybody in view"
        checked={ids.length > 0 && chosen === ids.length}
        indeterminate={chosen > 0 && chosen < ids.length}
        onChange={(event) => {
          selection.toggleAll(ids);
          event.currentTarget.checked = ids.every((id) => selection.ids.value.has(id));
        }}
      />
    </label>
  );
}

// Who is chosen: by checkboxes, by a range with Shift, and as many as one request may name.

import { type Signal, signal } from "@preact/signals";

/** As many as the service takes at once. */
export const MOST_CHOSEN = 1000;

/** Those who are chosen, by the number of their account. */
export interface Selection {
  ids: Signal<ReadonlySet<number>>;
  /** Chooses the row or takes it back; with `isRange` also all between it and the one before. */
  toggle: (row: number, isRange: boolean) => void;
  /** Chooses all of these, or takes all back if they are chosen already. */
  toggleAll: (ids: readonly number[]) => void;
  clear: () => void;
}

/** Nobody chosen yet. `idAt` tells the account in a row. */
export function createSelection(idAt: (row: number) => number | undefined): Selection {
  const ids = signal<ReadonlySet<number>>(new Set());
  let lastRow: number | null = null;
  const change = (those: readonly number[], isChosen: boolean) => {
    const next = new Set(ids.value);
    for (const id of those) {
      if (!isChosen) next.delete(id);
      else if (next.size < MOST_CHOSEN) next.add(id);
    }
    ids.value = next;
  };
  return {
    ids,
    toggle: (row, isRange) => {
      const id = idAt(row);
      if (id === undefined) return;
      const isChosen = !ids.value.has(id);
      const from = isRange && lastRow !== null ? Math.min(lastRow, row) : row;
      const to = isRange && lastRow !== null ? Math.max(lastRow, row) : row;
      const those: number[] = [];
      for (let at = from; at <= to; at += 1) {
        const other = idAt(at);
        if (other !== undefined) those.push(other);
      }
      lastRow = row;
      change(those, isChosen);
    },
    toggleAll: (those) => change(those, !those.every((id) => ids.value.has(id))),
    clear: () => {
      lastRow = null;
      ids.value = new Set();
    },
  };
}

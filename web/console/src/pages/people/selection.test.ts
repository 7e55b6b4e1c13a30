import { describe, expect, it } from "vitest";
import { createSelection, MOST_CHOSEN } from "./selection.js";

const idAt = (row: number) => (row < 5000 ? row + 100 : undefined);

describe("a selection", () => {
  it("is taken back by the same press", () => {
    const selection = createSelection(idAt);
    selection.toggle(3, false);
    expect([...selection.ids.value]).toEqual([103]);
    selection.toggle(3, false);
    expect(selection.ids.value.size).toBe(0);
  });

  it("takes a range in both directions", () => {
    const selection = createSelection(idAt);
    selection.toggle(5, false);
    selection.toggle(3, true);
    expect([...selection.ids.value].sort()).toEqual([103, 104, 105]);
  });

  it("holds no more than one request may name", () => {
    const selection = createSelection(idAt);
    selection.toggle(0, false);
    selection.toggle(4000, true);
    expect(selection.ids.value.size).toBe(MOST_CHOSEN);
  });

  it("chooses all, and takes all back when all are chosen", () => {
    const selection = createSelection(idAt);
    selection.toggle(0, false);
    selection.toggleAll([100, 101]);
    expect(selection.ids.value.size).toBe(2);
    selection.toggleAll([100, 101]);
    expect(selection.ids.value.size).toBe(0);
  });
});

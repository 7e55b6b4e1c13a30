import { expect, it } from "vitest";
import { daysOf } from "./days.js";

it("counts nothing on days that the service leaves out, and marks those that are cut", () => {
  const counted = [{ day: "2026-11-20T00:00:00.000Z", count: 4 }];
  const days = daysOf(counted, Date.parse("2026-11-19T00:00Z"), Date.parse("2026-11-21T16:00Z"));
  expect(days.map(({ count, isPartial }) => [count, isPartial])).toEqual([
    [0, false],
    [4, false],
    [0, true],
  ]);
  expect(daysOf([], 0, 0)).toEqual([]);
});

it("begins a long span with the first day that counts", () => {
  const counted = [{ day: "2026-11-20T00:00:00.000Z", count: 4 }];
  const days = daysOf(counted, Date.parse("0002-01-01T00:00Z"), Date.parse("2026-11-22T00:00Z"));
  expect(days.map(({ count, isPartial }) => [count, isPartial])).toEqual([
    [4, false],
    [0, false],
  ]);
});

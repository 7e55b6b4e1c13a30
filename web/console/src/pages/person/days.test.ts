import { describe, expect, it } from "vitest";
import { daysOf, midnight } from "./days.js";
import type { Stretch } from "./types.js";

const at = (day: number, hour: number, minute = 0) =>
  new Date(2026, 10, day, hour, minute).getTime();
const stretch = (
  from: number,
  to: number | null,
  status: Stretch["status"] = "online",
): Stretch => ({
  status,
  from: new Date(from).toISOString(),
  to: to === null ? null : new Date(to).toISOString(),
  duration_ms: to === null ? null : to - from,
  end_reason: null,
  open: to === null,
});

describe("days of presence", () => {
  it("are one row each, newest first", () => {
    const days = daysOf([], at(15, 0), at(21, 16), at(21, 16));
    expect(days).toHaveLength(7);
    expect(days[0]?.from).toBe(at(21, 0));
    expect(days[6]?.from).toBe(at(15, 0));
  });

  it("share a stretch over midnight", () => {
    const [second, first] = daysOf(
      [stretch(at(20, 18), at(21, 6))],
      at(20, 0),
      at(21, 12),
      at(21, 12),
    );
    expect(first?.pieces).toMatchObject([{ left: 0.75, width: 0.25 }]);
    expect(second?.pieces).toMatchObject([{ left: 0, width: 0.25 }]);
    expect(second?.totals).toEqual({ online: 6 * 3_600_000 });
  });

  it("let an open stretch last until now, and no longer", () => {
    const [today] = daysOf([stretch(at(21, 12), null, "away")], at(21, 0), at(21, 18), at(21, 18));
    expect(today?.pieces).toMatchObject([
      { status: "away", width: 0.25, isOpen: true, to: at(21, 18) },
    ]);
  });

  it("cut off what was before", () => {
    const days = daysOf([stretch(at(10, 0), at(20, 6))], at(20, 0), at(21, 0), at(21, 0));
    expect(days).toHaveLength(1);
    expect(days[0]?.totals).toEqual({ online: 6 * 3_600_000 });
  });

  it("are in the order of time, whatever the order of stretches", () => {
    const [day] = daysOf(
      [stretch(at(21, 5), at(21, 6), "busy"), stretch(at(21, 1), at(21, 2))],
      at(21, 0),
      at(21, 12),
      at(21, 12),
    );
    expect(day?.pieces.map((piece) => piece.status)).toEqual(["online", "busy"]);
  });

  it("begin at midnight where the clocks change, too", () => {
    for (let day = 0; day < 370; day += 1)
      expect(new Date(midnight(at(1, 5), day)).getHours()).toBe(0);
  });
});

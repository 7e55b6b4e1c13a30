import { describe, expect, it } from "vitest";
import { roundAbove, shortCount, timeLabels } from "./axis.js";
import { summariseBars } from "./BarChart.js";
import { moved } from "./crosshair.js";
import { plotted, type TimeSeries } from "./lanes.js";
import { facts, summarise } from "./summary.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOON = Date.parse("2026-11-21T12:00:00Z");

const series = (label: string, values: (number | null)[]): TimeSeries => ({
  label,
  values,
  color: "red",
});

describe("what is drawn", () => {
  it("stacks from the bottom, and leaves gaps where nothing is known", () => {
    const { lanes, bands } = plotted([series("a", [1, 2, null]), series("b", [10, 20, 30])], true);
    expect(lanes.map((lane) => lane.values)).toEqual([
      [11, 22, 30],
      [1, 2, null],
    ]);
    expect(lanes.map((lane) => lane.source)).toEqual([1, 0]);
    expect(bands).toEqual([{ upper: 0, lower: 1, source: 1 }]);
  });

  it("puts the edges of a range before its line", () => {
    const one = { ...series("a", [5]), range: { low: [3], high: [9] } };
    const { lanes, bands } = plotted([one], false);
    expect(lanes.map((lane) => [lane.values[0], lane.isEdge])).toEqual([
      [9, true],
      [3, true],
      [5, false],
    ]);
    expect(bands).toEqual([{ upper: 0, lower: 1, source: 0 }]);
  });
});

describe("an axis", () => {
  it("names the day where a new one begins", () => {
    const marks = [-12, -6, 0, 6, 12].map((hours) => NOON + hours * HOUR);
    expect(timeLabels(marks, 6 * HOUR, "UTC")).toEqual([
      "00:00",
      "06:00",
      "12:00",
      "18:00",
      "00:00\n22 Nov",
    ]);
    expect(timeLabels(marks.slice(0, 1), DAY, "Asia/Tokyo")).toEqual(["21 Nov"]);
  });

  it("names the year with the first month and with January", () => {
    const months = ["2026-11-01", "2026-12-01", "2027-01-01"].map((day) => Date.parse(day));
    expect(timeLabels(months, 30 * DAY, "UTC")).toEqual(["Nov\n2026", "Dec", "Jan\n2027"]);
  });

  it("ends on a round number above everything", () => {
    expect([0, 1, 7, 99, 100, 143, 2400].map(roundAbove)).toEqual([1, 1.5, 8, 100, 150, 150, 2500]);
    expect([950, 9999, 12_345, 3_000_000].map(shortCount)).toEqual(["950", "9,999", "12.3K", "3M"]);
  });
});

describe("a chart in words", () => {
  const times = [NOON, NOON + HOUR, NOON + 2 * HOUR];

  it("tells the last, the highest and the lowest", () => {
    expect(facts([3, null, 9], times)).toMatchObject({
      highest: 9,
      highestAt: times[2],
      lowest: 3,
      last: 9,
    });
    expect(summarise([series("People", [3, 12_000, 5])], times, "UTC")).toBe(
      "People: 5 at the end, highest 12,000 (Sat 21 Nov 2026, 13:00), lowest 3 (Sat 21 Nov 2026, 12:00).",
    );
    expect(summarise([series("People", [4, 4, 4])], times, "UTC")).toBe("People: 4 throughout.");
    expect(summarise([series("People", [null])], times)).toBe(
      "There is nothing to show for this time.",
    );
  });

  it("leaves bars that are not whole out of the comparison", () => {
    const bar = (name: string, value: number, isPartial = false) => ({
      name,
      label: name,
      value,
      isPartial,
    });
    expect(summariseBars([bar("Mon", 7), bar("Tue", 9), bar("Wed", 1, true)], "people")).toBe(
      "Most people: 9 (Tue); fewest: 7 (Mon).",
    );
  });
});

describe("a crosshair", () => {
  it("moves by keys and stays on the chart", () => {
    expect(moved("ArrowRight", 3, 3)).toBe(3);
    expect(moved("ArrowLeft", 3, 300)).toBe(2);
    expect(moved("PageUp", 3, 300)).toBe(33);
    expect(moved("Home", 3, 300)).toBe(0);
    expect(moved("Enter", 3, 300)).toBeUndefined();
    expect(moved("End", 0, -1)).toBe(0);
  });
});

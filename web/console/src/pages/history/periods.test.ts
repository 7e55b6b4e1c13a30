import { expect, it } from "vitest";
import { isCut, periodLabel, periodName } from "./periods.js";
import { momentOf } from "./zone.js";

const HOUR = 3_600_000;
const BERLIN = "Europe/Berlin";
/** Whatever spaces the platform puts around a dash. */
const spaced = (text: string) => text.replaceAll(/\s/g, " ");
const day = (month: number, date: number) => momentOf(Date.UTC(2026, month - 1, date), BERLIN);

it("names periods of the calendar by their beginning, in the zone whose days they are", () => {
  const one = { from: day(3, 29), to: day(3, 30) };
  expect(periodLabel(one, "day", "calendar", BERLIN)).toBe("29 Mar");
  expect(periodName(one, "day", "calendar", BERLIN)).toBe("Sun 29 Mar 2026");
  const week = { from: day(11, 16), to: day(11, 23) };
  expect(periodLabel(week, "week", "calendar", BERLIN)).toBe("16 Nov");
  expect(spaced(periodName(week, "week", "calendar", BERLIN))).toMatch(/^16 ?– ?22 Nov 2026$/);
  const month = { from: day(11, 1), to: day(12, 1) };
  expect(periodLabel(month, "month", "calendar", BERLIN)).toBe("Nov 26");
  expect(periodName(month, "month", "calendar", BERLIN)).toBe("November 2026");
});

it("names windows that roll by their last day", () => {
  const window = { from: day(10, 15), to: day(11, 14) };
  expect(periodLabel(window, "month", "rolling", BERLIN)).toBe("13 Nov");
  expect(spaced(periodName(window, "month", "rolling", BERLIN))).toBe("15 Oct – 13 Nov 2026");
});

it("tells windows of a day apart where the last ends within a day", () => {
  const midnight = { from: day(11, 20), to: day(11, 21) };
  const now = { from: midnight.from + 16 * HOUR, to: midnight.to + 16 * HOUR };
  const names = [midnight, now].map((one) => periodName(one, "day", "rolling", BERLIN));
  expect(names).toEqual(["Fri 20 Nov 2026", "Sat 21 Nov 2026"]);
});

it("knows periods that are cut off", () => {
  const week = { from: day(11, 16), to: day(11, 23) };
  expect(isCut(week, "week", "calendar", BERLIN)).toBe(false);
  expect(isCut({ ...week, from: week.from + 1 }, "week", "calendar", BERLIN)).toBe(true);
  expect(isCut({ ...week, to: week.to - 1 }, "week", "calendar", BERLIN)).toBe(true);
  const spring = { from: day(3, 29), to: day(3, 30) };
  expect(isCut(spring, "day", "calendar", BERLIN)).toBe(false);
  expect(isCut(spring, "day", "rolling", BERLIN)).toBe(false);
  expect(isCut({ ...spring, to: spring.to - HOUR }, "day", "rolling", BERLIN)).toBe(true);
});

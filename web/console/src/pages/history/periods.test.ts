import { expect, it } from "vitest";
import { periodLabel, periodName } from "./periods.js";
import { momentOf } from "./zone.js";

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

import { expect, it } from "vitest";
import { closed } from "./points.js";

it("ends where the last step ends", () => {
  const point = { at: "2026-11-21T15:00:00Z", users: 2, max: 5, min: 1, average: 2.5 };
  expect(closed([point], "2026-11-21T15:40:00Z")).toEqual([
    point,
    { ...point, at: "2026-11-21T15:40:00Z" },
  ]);
  expect(closed([point], point.at)).toEqual([point]);
  expect(closed([], point.at)).toEqual([]);
});

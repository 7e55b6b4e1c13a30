import { describe, expect, it } from "vitest";
import type { Counts } from "../../api/types.js";
import { courseAfter, courseBefore, SPAN, STEP, type Step } from "./course.js";

const NOW = Date.UTC(2026, 10, 21, 16, 0, 0);
const counts = (online: number, away: number, busy: number): Counts => ({
  online,
  away,
  busy,
  users: online + away + busy,
  sessions: 0,
});
const EMPTY = { times: [], online: [], away: [], busy: [] };

describe("the course of counts", () => {
  it("is found backwards from the changes", () => {
    const changes: Step[] = [
      { from: "offline", to: "online", at: NOW - 2000 },
      { from: "online", to: "away", at: NOW - 7000 },
      { from: "busy", to: "offline", at: NOW - 12_000 },
    ];
    const course = courseBefore(counts(3, 1, 0), changes, NOW, NOW - 3 * STEP);
    expect(course.times).toEqual([NOW - 3 * STEP, NOW - 2 * STEP, NOW - STEP, NOW]);
    expect(course.online).toEqual([3, 3, 2, 3]);
    expect(course.away).toEqual([0, 0, 1, 1]);
    expect(course.busy).toEqual([1, 0, 0, 0]);
  });

  it("never falls below nothing when a change was told twice", () => {
    const change: Step = { from: "offline", to: "online", at: NOW - 1000 };
    const course = courseBefore(counts(1, 0, 0), [change, change], NOW, NOW - STEP);
    expect(Math.min(...course.online)).toBe(0);
  });

  it("goes on with a point each step, the last one corrected until then", () => {
    let course = courseAfter(EMPTY, counts(1, 0, 0), NOW);
    course = courseAfter(course, counts(2, 0, 0), NOW + STEP - 1);
    expect(course).toEqual({ times: [NOW], online: [2], away: [0], busy: [0] });
    course = courseAfter(course, counts(5, 1, 1), NOW + STEP);
    expect(course).toEqual({
      times: [NOW, NOW + STEP],
      online: [2, 5],
      away: [0, 1],
      busy: [0, 1],
    });
  });

  it("forgets what is too old, all of it after a long sleep", () => {
    const course = courseBefore(counts(1, 0, 0), [], NOW, NOW - SPAN);
    expect(courseAfter(course, counts(1, 0, 0), NOW + STEP).times).toHaveLength(SPAN / STEP);
    expect(courseAfter(course, counts(4, 0, 0), NOW + 2 * SPAN)).toMatchObject({ online: [4] });
  });
});

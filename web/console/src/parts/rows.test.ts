import { describe, expect, it } from "vitest";
import { pagesOf, windowRows } from "./rows.js";

const TABLE = { count: 100_000, rowHeight: 50, height: 500, ahead: 8 };

describe("the rows of a long table", () => {
  it("are drawn as far as they are seen, and some more", () => {
    expect(windowRows({ ...TABLE, top: 0 })).toEqual({
      first: 0,
      last: 18,
      above: 0,
      below: 99_982 * 50,
    });
    expect(windowRows({ ...TABLE, top: 5000 })).toMatchObject({
      first: 92,
      last: 118,
      above: 4600,
    });
  });

  it("always keep the height of all of them", () => {
    for (const top of [0, 1, 49, 50, 51, 1234, 4_999_500, 5_000_000, 9_000_000]) {
      const { first, last, above, below } = windowRows({ ...TABLE, top });
      expect(above + (last - first) * 50 + below).toBe(5_000_000);
    }
  });

  it("end where the list ends", () => {
    expect(windowRows({ ...TABLE, top: 5_000_000 - 500 })).toMatchObject({
      last: 100_000,
      below: 0,
    });
  });

  it("are none where there are none, and few where the table was scrolled beyond a list that shrank", () => {
    expect(windowRows({ ...TABLE, count: 0, top: 0 })).toEqual({
      first: 0,
      last: 0,
      above: 0,
      below: 0,
    });
    expect(windowRows({ ...TABLE, count: 3, top: 5000 })).toMatchObject({
      first: 2,
      last: 3,
      below: 0,
    });
  });
});

describe("the pages behind rows", () => {
  it("are those that hold them", () => {
    expect(pagesOf(0, 100, 100)).toEqual([1]);
    expect(pagesOf(99, 101, 100)).toEqual([1, 2]);
    expect(pagesOf(250, 460, 100)).toEqual([3, 4, 5]);
    expect(pagesOf(5, 5, 100)).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { bucketLabel, filledBuckets, lengthsSummary, lengthWords } from "./buckets.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("the words for lengths", () => {
  it("name both bounds, with one unit if they share it", () => {
    expect(bucketLabel({ from_ms: 0, to_ms: 10_000 })).toBe("< 10 s");
    expect(bucketLabel({ from_ms: MINUTE, to_ms: 5 * MINUTE })).toBe("1–5 min");
    expect(bucketLabel({ from_ms: 30 * MINUTE, to_ms: HOUR })).toBe("30 min–1 h");
    expect(bucketLabel({ from_ms: 90_000, to_ms: 2 * MINUTE })).toBe("90 s–2 min");
    expect(bucketLabel({ from_ms: 8 * HOUR, to_ms: null })).toBe("≥ 8 h");
    expect(bucketLabel({ from_ms: 24 * HOUR, to_ms: 48 * HOUR })).toBe("1–2 d");
    expect(bucketLabel({ from_ms: 250, to_ms: 1000 })).toBe("250 ms–1 s");
  });

  it("tell one length in one unit", () => {
    const lengths = [0, 800, 45_400, 100_000, 31.2 * MINUTE, 90 * MINUTE, 3.42 * HOUR, 26 * HOUR];
    expect(lengths.map(lengthWords)).toEqual([
      "0 s",
      "0.8 s",
      "45 s",
      "100 s",
      "31 min",
      "90 min",
      "3.4 h",
      "26 h",
    ]);
  });

  it("leave out empty buckets at both ends only", () => {
    const counts = [0, 2, 0, 1, 0].map((count, at) => ({ from_ms: at, to_ms: at + 1, count }));
    expect(filledBuckets(counts).map((bucket) => bucket.count)).toEqual([2, 0, 1]);
    expect(filledBuckets(counts.slice(0, 1))).toEqual([]);
  });

  it("say what the whole means", () => {
    const none = {
      from: "",
      median_ms: null,
      p90_ms: null,
      p99_ms: null,
      mean_ms: null,
      longest_ms: null,
    };
    expect(lengthsSummary({ ...none, count: 0, buckets: [] })).toBe("Nobody left in this time.");
    const some = { ...none, count: 1200, median_ms: 20 * MINUTE, p90_ms: 2 * HOUR, buckets: [] };
    expect(lengthsSummary(some)).toContain(
      "half lasted 20 min or less, and one in ten longer than 2 h",
    );
  });
});

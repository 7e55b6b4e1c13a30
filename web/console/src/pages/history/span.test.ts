import { describe, expect, it } from "vitest";
import { customSpan, spanOf, stepsFor } from "./span.js";

const NOW = Date.parse("2026-11-21T16:00:00Z");
const DAY = 86_400_000;

describe("a span", () => {
  it("ends now, or where it was said to", () => {
    expect(spanOf({ span: "7d", from: "", to: "" }, NOW)).toEqual({ from: NOW - 7 * DAY, to: NOW });
    const custom = customSpan(NOW - 5, NOW - 1);
    expect(spanOf(custom, NOW)).toEqual({ from: NOW - 5, to: NOW - 1 });
  });

  it("is the right way round, and never empty", () => {
    const turned = customSpan(NOW, NOW - DAY);
    expect(spanOf(turned, NOW)).toEqual({ from: NOW - DAY, to: NOW });
    const empty = spanOf(customSpan(NOW, NOW), NOW);
    expect(empty.to).toBeGreaterThan(empty.from);
  });

  it("is the last day where the address says nothing of use", () => {
    const day = { from: NOW - DAY, to: NOW };
    expect(spanOf({ span: "soon", from: "yesterday", to: "" }, NOW)).toEqual(day);
  });

  it("allows resolutions with neither too many points nor a single one", () => {
    expect(stepsFor({ from: NOW - DAY, to: NOW })).toEqual(["1m", "5m", "15m", "1h", "6h"]);
    expect(stepsFor({ from: NOW - 365 * DAY, to: NOW })).toEqual(["6h", "1d", "1w"]);
    expect(stepsFor({ from: NOW - 3_600_000, to: NOW })).toEqual(["1m", "5m", "15m"]);
  });
});

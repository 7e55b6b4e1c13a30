import { describe, expect, it } from "vitest";
import { fromLocal, isTyped, toLocal } from "./Fields.js";

describe("a moment in a field", () => {
  it("is the same moment on its way back", () => {
    const at = "2026-11-21T16:05:00.000Z";
    expect(fromLocal(toLocal(at))).toBe(at);
  });

  it("is not told while its year is being typed", () => {
    const typed = ["0002-11-21T16:05", "0020-11-21T16:05", "0202-11-21T16:05", "2026-11-21T16:05"];
    expect(typed.map((local) => isTyped(fromLocal(local)))).toEqual([false, false, false, true]);
    expect(isTyped("")).toBe(true);
  });

  it("may be none", () => {
    expect(toLocal("")).toBe("");
    expect(fromLocal("")).toBe("");
    expect(toLocal("yesterday")).toBe("");
  });
});

import { describe, expect, it } from "vitest";
import { fromLocal, toLocal } from "./Fields.js";

describe("a moment in a field", () => {
  it("is the same moment on its way back", () => {
    const at = "2026-11-21T16:05:00.000Z";
    expect(fromLocal(toLocal(at))).toBe(at);
  });

  it("may be none", () => {
    expect(toLocal("")).toBe("");
    expect(fromLocal("")).toBe("");
    expect(toLocal("yesterday")).toBe("");
  });
});

import { describe, expect, it } from "vitest";
import { changesOf, fieldWords } from "./diff.js";

const brief = (before: unknown, after: unknown) =>
  changesOf(before, after).map(({ path, kind }) => `${kind} ${path}`);

describe("what an action changed", () => {
  it("is told by field, what changed first", () => {
    const before = { name: "shop", role: "user", is_active: true };
    const after = { name: "shop", role: "moderator", reason: "asked" };
    expect(brief(before, after)).toEqual([
      "changed role",
      "removed is_active",
      "added reason",
      "same name",
    ]);
  });

  it("goes into objects, and takes lists as a whole", () => {
    const before = { said: { url: "https://a", events: ["online"] } };
    const after = { said: { url: "https://a", events: ["online", "offline"] } };
    expect(brief(before, after)).toEqual(["changed said.events", "same said.url"]);
  });

  it("knows nothing from null, and the order of fields from a change", () => {
    expect(brief(null, { until: null })).toEqual(["added until"]);
    expect(brief({ until: null }, { until: "2026-12-01T00:00:00Z" })).toEqual(["changed until"]);
    expect(brief({ list: [{ a: 1, b: 2 }] }, { list: [{ b: 2, a: 1 }] })).toEqual(["same list"]);
    expect(changesOf(null, undefined)).toEqual([]);
  });

  it("also compares what is no object", () => {
    expect(changesOf(1, 2)).toEqual([{ path: "", kind: "changed", before: 1, after: 2 }]);
  });

  it("names fields for people", () => {
    expect(fieldWords("said.debounce_ms")).toBe("said › debounce");
    expect(fieldWords("expires_at")).toBe("expires");
    expect(fieldWords("")).toBe("value");
  });
});

import { describe, expect, it } from "vitest";
import { readFilters, writeFilters } from "./useFilters.js";

const DEFAULTS = { search: "", sort: "newest" };

describe("filters in the address", () => {
  it("are what the query says, else as by default", () => {
    expect(readFilters("?search=ann+b&tab=x", DEFAULTS)).toEqual({
      search: "ann b",
      sort: "newest",
    });
  });

  it("leave out what is as by default, and other parameters alone", () => {
    expect(writeFilters("tab=x&sort=oldest", DEFAULTS, { sort: "newest", search: "é&=" })).toBe(
      "tab=x&search=%C3%A9%26%3D",
    );
  });

  it("keep a choice of nothing where the default is something", () => {
    const query = writeFilters("", DEFAULTS, { sort: "" });
    expect(readFilters(query, DEFAULTS).sort).toBe("");
  });

  it("survive the way there and back", () => {
    const values = { search: "a/b?c#d", sort: "oldest" };
    expect(readFilters(writeFilters("", DEFAULTS, values), DEFAULTS)).toEqual(values);
  });
});

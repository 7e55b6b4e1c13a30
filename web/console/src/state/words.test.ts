import { describe, expect, it } from "vitest";
import { plural, reasonWords, relativeWords, sizeWords, spanWords } from "./words.js";

const NOW = Date.UTC(2026, 10, 21, 16, 0, 0);
const ago = (ms: number) => relativeWords(NOW - ms, NOW);

describe("times in words", () => {
  it("say how long ago something was, in the unit that fits", () => {
    expect(ago(0)).toBe("now");
    expect(ago(1999)).toBe("now");
    expect(ago(2000)).toBe("2 s ago");
    expect(ago(59_999)).toBe("59 s ago");
    expect(ago(60_000)).toBe("1 min ago");
    expect(ago(3_599_999)).toBe("59 min ago");
    expect(ago(3_600_000)).toBe("1 h ago");
    expect(ago(86_400_000 * 3)).toBe("3 d ago");
  });

  it("say how long something has to go", () => {
    expect(ago(-90_000)).toBe("in 1 min");
  });

  it("name the day from a week on, with the year if it is another", () => {
    expect(ago(86_400_000 * 8)).not.toContain("ago");
    expect(ago(86_400_000 * 8)).not.toContain("2026");
    expect(ago(86_400_000 * 400)).toContain("2025");
  });

  it("tell spans by their two greatest units", () => {
    expect(spanWords(0)).toBe("0 ms");
    expect(spanWords(12_400)).toBe("12 s");
    expect(spanWords(3_600_000)).toBe("1 h");
    expect(spanWords(4_800_000)).toBe("1 h 20 min");
    expect(spanWords(90_000_000)).toBe("1 d 1 h");
  });
});

describe("other words", () => {
  it("count", () => {
    expect(plural(1, "person", "people")).toBe("1 person");
    expect(plural(0, "person", "people")).toBe("0 people");
  });

  it("tell sizes", () => {
    expect(sizeWords(0)).toBe("0 B");
    expect(sizeWords(1024)).toBe("1.0 KiB");
    expect(sizeWords(2_726_298)).toBe("2.6 MiB");
    expect(sizeWords(512 * 1024 * 1024)).toBe("512 MiB");
  });

  it("do not fail on a reason that is new", () => {
    expect(reasonWords("beamed_up")).toBe("beamed up");
  });
});

import { describe, expect, it } from "vitest";
import { breadthWords } from "./cidr.js";
import { matching } from "./Effective.js";
import { lifeOf } from "./FormParts.js";

describe("the breadth of a network", () => {
  it("is told for addresses and networks", () => {
    expect(breadthWords("203.0.113.7")).toBe("One address.");
    expect(breadthWords("203.0.113.7/32")).toBe("One address.");
    expect(breadthWords(" 203.0.113.0/24 ")).toBe("256 addresses.");
    expect(breadthWords("10.0.0.0/8")).toBe("16,777,216 addresses.");
    expect(breadthWords("2001:db8::/48")).toBe("As many addresses as 65,536 connections have.");
    expect(breadthWords("2001:db8::/64")).toBe("The addresses of one connection.");
    expect(breadthWords("::1")).toBe("One address.");
  });

  it("is not told while the network is being typed", () => {
    for (const text of ["", "203.0", "203.0.113.256", "203.0.113.0/33", "203.0.113.0/x", "a/b/c"]) {
      expect(breadthWords(text), text).toBeUndefined();
    }
  });
});

describe("the end of a life", () => {
  it("is counted from now", () => {
    expect(lifeOf("never", "")).toBeNull();
    expect(lifeOf("2", "")).toBe(172_800_000);
    expect(lifeOf("date", "1970-01-01T00:00:05Z", 2000)).toBe(3000);
    expect(lifeOf("date", "1970-01-01T00:00:05Z", 2000.5)).toBe(2999);
  });

  it("is one that the service refuses if it has passed", () => {
    expect(lifeOf("date", "1970-01-01T00:00:05Z", 9000)).toBe(-4000);
    expect(lifeOf("date", "1970-01-01T00:00:05Z", 5000)).toBe(-1);
    expect(lifeOf("date", "", 5000)).toBe(-1);
  });
});

describe("the search in settings", () => {
  const setting = (name: string, source: string, about = "") => ({
    name,
    variable: `ROLLCALL_${name.toUpperCase()}`,
    source,
    about,
  });
  const all = [
    setting("presence.ttl", "environment", "how long a lease is"),
    setting("audit.retention", "default of this command"),
  ];

  it("finds what has all the words, somewhere", () => {
    expect(matching(all, "ttl", false)).toEqual([all[0]]);
    expect(matching(all, "LEASE presence", false)).toEqual([all[0]]);
    expect(matching(all, "lease audit", false)).toEqual([]);
    expect(matching(all, "", false)).toEqual(all);
  });

  it("can leave out what nobody chose", () => {
    expect(matching(all, "", true)).toEqual([all[0]]);
  });
});

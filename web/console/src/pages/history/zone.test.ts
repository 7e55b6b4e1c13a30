import { describe, expect, it } from "vitest";
import { knownZone, momentOf, offsetAt, ownZone, startOf } from "./zone.js";

const at = (text: string) => Date.parse(text);
const BERLIN = "Europe/Berlin";

describe("a zone's calendar", () => {
  it("knows summer and winter", () => {
    expect(offsetAt(at("2026-01-15T12:00:00Z"), BERLIN)).toBe(3_600_000);
    expect(offsetAt(at("2026-07-15T12:00:00Z"), BERLIN)).toBe(7_200_000);
    expect(offsetAt(at("2026-07-15T12:00:00.750Z"), "Asia/Kathmandu")).toBe(20_700_000);
  });

  it("is the reader's own where the browser does not know the zone", () => {
    expect(knownZone(BERLIN)).toBe(BERLIN);
    expect(["", "Mars/Olympus"].map(knownZone)).toEqual([ownZone(), ownZone()]);
  });

  it("begins a day at the zone's midnight", () => {
    expect(startOf("day", at("2026-11-20T22:59:00Z"), BERLIN)).toBe(at("2026-11-19T23:00:00Z"));
    expect(startOf("day", at("2026-11-20T23:00:00Z"), BERLIN)).toBe(at("2026-11-20T23:00:00Z"));
  });

  it("begins days in which clocks change where they begin", () => {
    expect(startOf("day", at("2026-03-29T20:00:00Z"), BERLIN)).toBe(at("2026-03-28T23:00:00Z"));
    expect(startOf("day", at("2026-10-25T20:00:00Z"), BERLIN)).toBe(at("2026-10-24T22:00:00Z"));
  });

  it("begins a day behind the gap where clocks skip midnight", () => {
    // Beirut went from 00:00 to 01:00 on this day.
    expect(startOf("day", at("2026-03-29T12:00:00Z"), "Asia/Beirut")).toBe(
      at("2026-03-28T22:00:00Z"),
    );
    expect(momentOf(Date.UTC(2026, 2, 29, 2, 30), BERLIN)).toBe(at("2026-03-29T01:30:00Z"));
  });

  it("begins weeks on Mondays and months on the first", () => {
    expect(startOf("week", at("2026-11-22T12:00:00Z"), "UTC")).toBe(at("2026-11-16T00:00:00Z"));
    expect(startOf("week", at("2026-11-16T00:00:00Z"), "UTC")).toBe(at("2026-11-16T00:00:00Z"));
    expect(startOf("month", at("2026-11-22T12:00:00Z"), BERLIN)).toBe(at("2026-10-31T23:00:00Z"));
  });
});

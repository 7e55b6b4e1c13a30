import { effect } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";

type Told = (view: { user_id: string; status: string }) => void;
const watches = new Set<{ ids: string[]; told: Told }>();
vi.mock("@rollcall/sdk", () => ({
  connect: () => ({
    on: () => undefined,
    close: async () => undefined,
    watch: (ids: string[], told: Told) => {
      const one = { ids, told };
      watches.add(one);
      return () => watches.delete(one);
    },
  }),
}));
vi.stubGlobal("location", { origin: "" });
const { presenceOf, startPresence, stopPresence, watchPeople } = await import("./presence.js");

const tell = (user_id: string, status: string) => {
  for (const { ids, told } of watches) if (ids.includes(user_id)) told({ user_id, status });
};

describe("the presence of those who are shown", () => {
  beforeEach(() => {
    stopPresence();
    watches.clear();
    startPresence();
  });

  it("reaches a row through a list that begins before the last is left", () => {
    const seen: (string | undefined)[] = [];
    const stop = effect(() => void seen.push(presenceOf("b").value?.status));
    const leaveFirst = watchPeople(["a", "b"]);
    tell("b", "online");
    watchPeople(["b", "c"]);
    leaveFirst();
    tell("b", "away");
    expect(seen).toEqual([undefined, "online", "away"]);
    stop();
  });

  it("reaches a row that is drawn while nobody watches it for a moment", () => {
    const seen: (string | undefined)[] = [];
    const stop = effect(() => void seen.push(presenceOf("a").value?.status));
    watchPeople(["a"])();
    watchPeople(["a"]);
    tell("a", "busy");
    expect(seen).toEqual([undefined, "busy"]);
    stop();
  });

  it("is forgotten of rows that are neither drawn nor watched", () => {
    const flown = presenceOf("a");
    effect(() => void flown.value)();
    expect(presenceOf("a")).not.toBe(flown);
    const watched = presenceOf("b");
    const leave = watchPeople(["b"]);
    effect(() => void watched.value)();
    expect(presenceOf("b")).toBe(watched);
    leave();
    expect(presenceOf("b")).not.toBe(watched);
  });
});

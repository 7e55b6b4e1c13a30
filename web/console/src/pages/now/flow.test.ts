import { beforeEach, describe, expect, it, vi } from "vitest";

const NOW = Date.UTC(2026, 10, 21, 16, 0, 0);
vi.mock("../../state/clock.js", () => ({ serverNow: () => NOW }));
vi.mock("../../api/client.js", () => ({ api: vi.fn() }));
vi.mock("../../api/events.js", () => ({ followEvents: vi.fn() }));
vi.mock("../../state/me.js", () => ({ may: () => true }));
const { createChanges } = await import("./flow.js");

const told = (user_id: string, ago: number) => ({
  user_id,
  from: "offline" as const,
  to: "online" as const,
  reason: "connect",
  occurred_at: new Date(NOW - ago).toISOString(),
  text: null,
  emoji: null,
});

describe("the list of changes", () => {
  let changes: ReturnType<typeof createChanges>;
  const users = () => changes.shown.value.map((change) => change.user_id);
  beforeEach(() => {
    changes = createChanges();
  });

  it("has the newest on top, whatever the order in which they came", () => {
    changes.take(told("a", 2000), "1");
    changes.take(told("b", 3000), "2");
    changes.flush();
    expect(users()).toEqual(["a", "b"]);
  });

  it("does not move while it is held, and says how many wait", () => {
    changes.take(told("a", 3000), "1");
    changes.flush();
    changes.hold(true);
    changes.take(told("b", 2000), "2");
    changes.add([told("c", 1000), told("d", 9000)].map((one) => ({ ...one, key: one.user_id })));
    changes.flush();
    expect(users()).toEqual(["a"]);
    expect(changes.waiting.value).toBe(1);
    changes.letIn();
    expect(users()).toEqual(["c", "b", "a", "d"]);
    expect(changes.waiting.value).toBe(0);
  });

  it("fills an empty list even while it is held", () => {
    changes.hold(true);
    changes.add([{ ...told("a", 1000), key: "a" }]);
    expect(users()).toEqual(["a"]);
  });

  it("tells a change once that both the stream and the history told", () => {
    changes.take(told("a", 1000), "1");
    changes.add([{ ...told("a", 1000), key: "0 1 1" }]);
    changes.flush();
    expect(users()).toEqual(["a"]);
    expect(changes.perMinute.value).toBe(1);
  });

  it("counts the last minute and keeps no more than it shows", () => {
    for (let at = 0; at < 300; at += 1) changes.take(told(`u${at}`, 90_000 - at * 200), `${at}`);
    changes.flush();
    expect(changes.perMinute.value).toBe(150);
    expect(changes.shown.value.length).toBe(200);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../api/problem.js";
import { APART, pastReader } from "./past.js";

describe("the reading of the past", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("happens at once, and then not more often than it may", async () => {
    const read = vi.fn(async () => undefined);
    const want = pastReader(read, new AbortController().signal);
    want();
    await vi.advanceTimersByTimeAsync(0);
    expect(read).toHaveBeenCalledTimes(1);
    want();
    want();
    await vi.advanceTimersByTimeAsync(APART - 1);
    expect(read).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(read).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(10 * APART);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it("is tried again after a failure, not before the service allows", async () => {
    const read = vi.fn(async () => undefined);
    read.mockRejectedValueOnce(new Problem(503, "overloaded", "", [], null, 2 * APART));
    const want = pastReader(read, new AbortController().signal);
    want();
    await vi.advanceTimersByTimeAsync(2 * APART - 1);
    expect(read).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it("is given up where it is refused, and with the page", async () => {
    const read = vi.fn(async () => undefined);
    read.mockRejectedValueOnce(new Problem(403, "forbidden", ""));
    const aborter = new AbortController();
    const want = pastReader(read, aborter.signal);
    want();
    await vi.advanceTimersByTimeAsync(10 * APART);
    expect(read).toHaveBeenCalledTimes(1);
    want();
    aborter.abort();
    await vi.advanceTimersByTimeAsync(10 * APART);
    expect(read).toHaveBeenCalledTimes(1);
  });
});

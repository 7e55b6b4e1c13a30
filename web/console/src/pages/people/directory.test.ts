import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../api/problem.js";

const asked: { query: Record<string, unknown>; signal: AbortSignal }[] = [];
let takes = 10;
const answers: ((query: Record<string, unknown>) => unknown)[] = [];
const page = (from: number, length = 100) => ({
  count: 1000,
  next_cursor: `after-${from + length}`,
  results: Array.from({ length }, (_, at) => ({ id: from + at, username: `p${from + at}` })),
});

vi.mock("../../api/client.js", () => ({
  api: (_path: string, ask: (typeof asked)[number]) => {
    asked.push(ask);
    const answer = answers.shift() ?? (() => page(((ask.query.page as number) - 1) * 100));
    return new Promise((resolve, reject) => {
      ask.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
      setTimeout(() => {
        try {
          resolve(answer(ask.query));
        } catch (error) {
          reject(error);
        }
      }, takes);
    });
  },
}));
const { openDirectory } = await import("./directory.js");

describe("the directory", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    takes = 10;
    asked.length = 0;
    answers.length = 0;
  });
  afterEach(() => vi.useRealTimers());

  it("asks for the first page at once, and for others when the table rests on them", async () => {
    const directory = openDirectory({ search: "a" });
    await vi.advanceTimersByTimeAsync(20);
    expect(directory.count.value).toBe(1000);
    expect(directory.rowAt(5)?.id).toBe(5);
    for (let first = 200; first < 700; first += 50) directory.want(first, first + 30);
    expect(directory.rowAt(660)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.map(({ query }) => query.page)).toEqual([1, 7]);
    expect(directory.rowAt(660)?.id).toBe(660);
  });

  it("goes on behind the cursor of the page before", async () => {
    const directory = openDirectory({});
    await vi.advanceTimersByTimeAsync(20);
    answers.push(() => ({ ...page(100), count: null }));
    directory.want(90, 120);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked[1]?.query).toMatchObject({ cursor: "after-100" });
    expect(asked[1]?.query.page).toBeUndefined();
    expect(directory.rowAt(100)?.id).toBe(100);
    expect(directory.count.value).toBe(1000);
  });

  it("calls off a page that is no longer in view, which is no problem", async () => {
    const directory = openDirectory({});
    await vi.advanceTimersByTimeAsync(20);
    takes = 200;
    directory.want(500, 530);
    await vi.advanceTimersByTimeAsync(65);
    directory.want(10, 40);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked[1]?.signal.aborted).toBe(true);
    expect(directory.problem.value).toBeNull();
  });

  it("says that a row has gone where its page came shorter", async () => {
    answers.push(() => page(0, 98));
    const directory = openDirectory({});
    await vi.advanceTimersByTimeAsync(20);
    expect(directory.rowAt(97)?.id).toBe(97);
    expect(directory.rowAt(98)).toBeNull();
  });

  it("asks again by itself for what failed in passing", async () => {
    answers.push(() => {
      throw new Problem(503, "overloaded", "busy", [], null, 2000);
    });
    const directory = openDirectory({});
    await vi.advanceTimersByTimeAsync(20);
    expect(directory.problem.value?.code).toBe("overloaded");
    await vi.advanceTimersByTimeAsync(2100);
    expect(directory.problem.value).toBeNull();
    expect(directory.rowAt(0)?.id).toBe(0);
    directory.stop();
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

interface People {
  results: { id: number; username: string }[];
}
const read = vi.fn<(path: string) => Promise<People>>();
vi.mock("../api/client.js", () => ({ api: (path: string) => read(path) }));

const idsIn = (path: string) =>
  (new URLSearchParams(path.split("?")[1]).get("ids") ?? "").split(",");
const named = (id: string) => ({ id: Number(id), username: `n${id}` });
const settled = () => vi.advanceTimersByTimeAsync(0);

describe("the names behind ids", () => {
  let names: typeof import("./names.js");
  let Problem: typeof import("../api/problem.js").Problem;
  beforeEach(async () => {
    vi.useFakeTimers();
    vi.resetModules();
    read.mockReset().mockImplementation(async (path) => ({ results: idsIn(path).map(named) }));
    names = await import("./names.js");
    ({ Problem } = await import("../api/problem.js"));
  });
  afterEach(() => void vi.useRealTimers());

  it("are asked for once", async () => {
    names.nameOf("1");
    names.nameOf("1");
    await settled();
    names.nameOf("1");
    await settled();
    expect(names.nameOf("1").value).toBe("n1");
    expect(read).toHaveBeenCalledTimes(1);
  });

  it("of a list are asked for together", async () => {
    const list = ["3", "1", "2"].map((id) => names.nameOf(id));
    await settled();
    expect(list.map((name) => name.value)).toEqual(["n3", "n1", "n2"]);
    expect(read.mock.calls.map(([path]) => idsIn(path))).toEqual([["3", "1", "2"]]);
  });

  it("of rows that flew by are left out, and asked for when they are shown again", async () => {
    for (let id = 1; id <= 1000; id += 1) names.nameOf(String(id));
    await vi.advanceTimersByTimeAsync(1000);
    expect(read.mock.calls.length).toBe(2);
    expect(names.nameOf("1000").value).toBe("n1000");
    const early = names.nameOf("500");
    await settled();
    expect(early.value).toBe("n500");
  });

  it("are asked for again when the service allows it", async () => {
    read.mockRejectedValueOnce(new Problem(429, "too_many", "", [], null, 7000));
    const name = names.nameOf("1");
    await settled();
    const other = names.nameOf("2");
    await vi.advanceTimersByTimeAsync(6999);
    expect(read).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect([name.value, other.value]).toEqual(["n1", "n2"]);
  });

  it("of nobody are not asked for again", async () => {
    read.mockResolvedValueOnce({ results: [named("2")] });
    names.nameOf("1");
    names.nameOf("2");
    await settled();
    names.nameOf("1");
    await settled();
    expect([names.nameOf("1").value, names.nameOf("2").value]).toEqual([null, "n2"]);
    expect(read).toHaveBeenCalledTimes(1);
  });
});

import { beforeEach, expect, it, vi } from "vitest";
import { api } from "../../api/client.js";
import { decide } from "./decide.js";

vi.mock("../../api/client.js", () => ({ api: vi.fn(), part: String }));
const asked = vi.mocked(api);

beforeEach(() => {
  asked.mockReset();
});

it("decides on one by its own request, with the reason if there is one", async () => {
  expect(await decide([7], "reject", "spam")).toEqual([{ id: 7, ok: true, detail: null }]);
  expect(asked).toHaveBeenCalledWith("/api/users/admin/users/7/reject/", {
    method: "POST",
    body: { reason: "spam" },
  });
  await decide([8], "approve", "");
  expect(asked.mock.lastCall?.[1]?.body).toEqual({});
});

it("decides on many at once, in as many requests as it takes", async () => {
  asked.mockImplementation(async (_, ask) => {
    const body = ask?.body as { ids: number[] };
    return {
      results: body.ids.map((id) => ({ id, ok: id !== 3, detail: id === 3 ? "gone" : null })),
    };
  });
  const ids = Array.from({ length: 1100 }, (_, at) => at + 1);
  const outcomes = await decide(ids, "approve", "");
  expect(asked).toHaveBeenCalledTimes(3);
  expect(outcomes.map((outcome) => outcome.id)).toEqual(ids);
  expect(outcomes.filter((outcome) => !outcome.ok)).toEqual([{ id: 3, ok: false, detail: "gone" }]);
});

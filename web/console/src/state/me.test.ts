import { beforeEach, describe, expect, it, vi } from "vitest";
import { onProblem, Problem } from "../api/problem.js";
import { standing } from "../api/session.js";
import { isFactorMissing, may, me, readMe } from "./me.js";

let factor = { enabled: false, required: false };
let permissions: string[] = [];
const api = vi.fn(async (path: string) => {
  if (path === "/api/auth/totp/") return factor;
  if (path === "/api/admin/my-permissions/") return { role: "user", permissions };
  return { id: 1, username: "ann" };
});
vi.mock("../api/client.js", () => ({ api: (path: string) => api(path) }));

const refuse = (code = "forbidden") => {
  for (const tell of onProblem) tell(new Problem(403, code, ""));
};
const settled = () => vi.waitFor(() => expect(api.mock.calls.length % 3).toBe(0));

describe("who is signed in", () => {
  beforeEach(() => {
    standing.value = "out";
    standing.value = "in";
    me.value = null;
    isFactorMissing.value = false;
    api.mockClear();
    permissions = [];
  });

  it("lacks a factor that is demanded until it is there", async () => {
    factor = { enabled: false, required: true };
    await readMe();
    expect(isFactorMissing.value).toBe(true);
    factor = { enabled: true, required: true };
    permissions = ["view_users"];
    await readMe();
    expect(isFactorMissing.value).toBe(false);
    expect(may("view_users")).toBe(true);
  });

  it("is read again after a refusal, and not after each", async () => {
    permissions = ["view_users"];
    await readMe();
    permissions = [];
    refuse();
    refuse("totp_enrolment_required");
    await settled();
    await vi.waitFor(() => expect(may("view_users")).toBe(false));
    expect(api).toHaveBeenCalledTimes(6);
  });

  it("is nobody after a sign-out, whatever arrives then", async () => {
    const reading = readMe();
    standing.value = "out";
    await reading;
    expect(me.value).toBeNull();
    refuse();
    expect(api).toHaveBeenCalledTimes(3);
  });
});

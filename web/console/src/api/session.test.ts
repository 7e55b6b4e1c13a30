import { beforeEach, describe, expect, it, vi } from "vitest";

const part = (claims: object) => btoa(JSON.stringify(claims));
const access = (name: string, seconds = 900) =>
  `h.${part({ sid: "login", sub: "1", jti: name, exp: Math.floor(Date.now() / 1000) + seconds })}.s`;
const json = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

class Store {
  values = new Map<string, string>();
  getItem = (name: string) => this.values.get(name) ?? null;
  setItem = (name: string, value: string) => void this.values.set(name, value);
  removeItem = (name: string) => void this.values.delete(name);
}

/** The modules anew, as after a load of the page. */
async function load(answer: (path: string, init: RequestInit) => Response | Promise<Response>) {
  vi.resetModules();
  vi.stubGlobal("BroadcastChannel", undefined);
  const fetching = vi.fn(async (path: string, init: RequestInit) => answer(path, init));
  vi.stubGlobal("fetch", fetching);
  const session = await import("./session.js");
  const client = await import("./client.js");
  return { session, client, fetching };
}

const tokenOf = (init: RequestInit) => new Headers(init.headers).get("authorization")?.slice(7);

describe("the login of a tab", () => {
  let store: Store;
  beforeEach(() => {
    store = new Store();
    vi.stubGlobal("sessionStorage", store);
  });

  it("exchanges the refresh token once for requests that are refused together", async () => {
    const [old, fresh] = [access("old"), access("fresh")];
    const { session, client, fetching } = await load((path, init) => {
      if (path === "/api/auth/refresh/") return json(200, { access: fresh, refresh: "second" });
      return tokenOf(init) === fresh
        ? json(200, { path })
        : json(401, { code: "token_expired", detail: "over" });
    });
    session.keep({ access: old, refresh: "first" });
    const answers = await Promise.all([client.api("/a"), client.api("/b"), client.api("/c")]);
    expect(answers).toEqual([{ path: "/a" }, { path: "/b" }, { path: "/c" }]);
    expect(fetching.mock.calls.filter(([path]) => path === "/api/auth/refresh/")).toHaveLength(1);
    expect([...store.values.values()]).toEqual(["second"]);
  });

  it("exchanges a token that is about to end before it is used", async () => {
    const fresh = access("fresh");
    const { session, client } = await load((path, init) => {
      if (path === "/api/auth/refresh/") return json(200, { access: fresh, refresh: "second" });
      return json(200, { by: tokenOf(init) });
    });
    session.keep({ access: access("ending", 5), refresh: "first" });
    expect(await client.api("/a")).toEqual({ by: fresh });
  });

  it("signs out, and says so, when the refresh token is refused", async () => {
    const { session, client } = await load(() =>
      json(401, { code: "login_ended", detail: "It has ended." }),
    );
    session.keep({ access: access("old"), refresh: "first" });
    await expect(client.api("/a")).rejects.toMatchObject({ code: "signed_out" });
    expect(session.standing.value).toBe("out");
    expect(session.farewell.value).toContain("ended");
    expect(store.values.size).toBe(0);
  });

  it("stays signed in while the service cannot be reached", async () => {
    store.setItem("rollcall.console.refresh", "kept");
    const { session, client } = await load(() => {
      throw new TypeError("no network");
    });
    await session.start();
    expect(session.standing.value).toBe("in");
    await expect(client.api("/a")).rejects.toMatchObject({ code: "unreachable" });
    expect(store.getItem("rollcall.console.refresh")).toBe("kept");
  });

  it("starts signed out where nothing is stored", async () => {
    const { session } = await load(() => json(500, {}));
    await session.start();
    expect(session.standing.value).toBe("out");
  });

  it("hands on what the login is refused for", async () => {
    const { session } = await load(() =>
      json(401, { code: "totp_required", detail: "A code is needed." }),
    );
    await expect(session.signIn("ann", "secret")).rejects.toMatchObject({ code: "totp_required" });
  });

  it("does not ask again for what another refusal is", async () => {
    const { session, client, fetching } = await load(() =>
      json(403, { code: "forbidden", detail: "No." }),
    );
    session.keep({ access: access("good"), refresh: "first" });
    await expect(client.api("/a")).rejects.toMatchObject({ status: 403, code: "forbidden" });
    expect(fetching).toHaveBeenCalledTimes(1);
  });
});

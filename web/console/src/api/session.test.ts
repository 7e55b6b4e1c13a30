import { beforeEach, describe, expect, it, vi } from "vitest";

const part = (claims: object) => btoa(JSON.stringify(claims));
const access = (name: string, seconds = 900, sid = "login") =>
  `h.${part({ sid, sub: "1", jti: name, exp: Math.floor(Date.now() / 1000) + seconds })}.s`;
const json = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });

class Store {
  values = new Map<string, string>();
  getItem = (name: string) => this.values.get(name) ?? null;
  setItem = (name: string, value: string) => void this.values.set(name, value);
  removeItem = (name: string) => void this.values.delete(name);
}

/** The other tabs: they answer what this one says by `answers`. */
class Others {
  static answers: (said: { kind: string }) => object[] = () => [];
  listener: (event: { data: object }) => void = () => undefined;
  addEventListener = (_: string, listener: (event: { data: object }) => void) => {
    this.listener = listener;
  };
  postMessage = (said: { kind: string }) => {
    for (const data of Others.answers(said)) queueMicrotask(() => this.listener({ data }));
  };
}

const told = (login: string, pair: { access: string; refresh: string }) => ({
  kind: "pair",
  login,
  pair,
});

/** The modules anew, as after a load of the page. */
async function load(
  answer: (path: string, init: RequestInit) => Response | Promise<Response>,
  others?: typeof Others,
) {
  vi.resetModules();
  vi.stubGlobal("BroadcastChannel", others);
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
    expect(store.getItem("rollcall.console.refresh")).toBe("second");
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

  it("takes the pair of another tab before it uses the token that it kept", async () => {
    store.setItem("rollcall.console.refresh", "old");
    store.setItem("rollcall.console.login", "login");
    const good = { access: access("good"), refresh: "new" };
    Others.answers = ({ kind }) => (kind === "ask" ? [told("login", good)] : []);
    const { session, fetching } = await load(() => json(401, { code: "login_ended" }), Others);
    await session.start();
    expect(await session.accessToken()).toBe(good.access);
    expect(store.getItem("rollcall.console.refresh")).toBe("new");
    expect(fetching).not.toHaveBeenCalled();
  });

  it("takes no pair of another login than the one that it kept", async () => {
    store.setItem("rollcall.console.refresh", "own");
    store.setItem("rollcall.console.login", "login");
    const foreign = { access: access("foreign", 900, "other"), refresh: "foreign" };
    Others.answers = ({ kind }) => (kind === "ask" ? [told("other", foreign)] : []);
    const own = access("own");
    const { session } = await load(() => json(200, { access: own, refresh: "own2" }), Others);
    await session.start();
    expect(await session.accessToken()).toBe(own);
  });

  it("takes no pair that is older than its own", async () => {
    const newer = { access: access("newer", 900), refresh: "newer" };
    const older = { access: access("older", 600), refresh: "older" };
    Others.answers = ({ kind }) =>
      kind === "ask" ? [told("login", newer), told("login", older)] : [];
    const { session } = await load(() => json(500, {}), Others);
    await session.start();
    await Promise.resolve();
    expect(store.getItem("rollcall.console.refresh")).toBe("newer");
  });

  it("ends the login by a good token, and stays out", async () => {
    const fresh = access("fresh");
    const by: (string | undefined)[] = [];
    const { session } = await load((path, init) => {
      if (path === "/api/auth/refresh/") return json(200, { access: fresh, refresh: "second" });
      by.push(tokenOf(init));
      return json(200, {});
    });
    session.keep({ access: access("ending", 5), refresh: "first" });
    await session.signOut();
    expect(by).toEqual([fresh]);
    expect(session.standing.value).toBe("out");
    expect(session.farewell.value).toBeNull();
    expect(store.values.size).toBe(0);
  });

  it("is not signed in again by an exchange that was under way", async () => {
    let release: (response: Response) => void = () => undefined;
    const { session } = await load(
      () =>
        new Promise<Response>((resolve) => {
          release = resolve;
        }),
    );
    session.keep({ access: access("ending", 5), refresh: "first" });
    const exchanged = session.accessToken();
    session.forget();
    release(json(200, { access: access("fresh"), refresh: "second" }));
    await expect(exchanged).rejects.toMatchObject({ code: "signed_out" });
    expect(session.standing.value).toBe("out");
    expect(store.values.size).toBe(0);
  });

  it.each([
    ["does not answer", () => json(503, { code: "overloaded" })],
    [
      "cannot be reached",
      () => {
        throw new TypeError("no network");
      },
    ],
  ])("says that the login may be open where the service %s", async (_, answer) => {
    const { session } = await load(answer);
    session.keep({ access: access("good"), refresh: "first" });
    await session.signOut();
    expect(session.standing.value).toBe("out");
    expect(session.farewell.value).toContain("may still be open");
  });
});

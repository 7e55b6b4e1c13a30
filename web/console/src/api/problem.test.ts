import { describe, expect, it } from "vitest";
import { address } from "./client.js";
import { asProblem, problemOf, retryAfterOf } from "./problem.js";

describe("problems", () => {
  it("are read as the service tells them", async () => {
    const body = {
      code: "invalid_value",
      detail: "Mend it.",
      request_id: "r-1",
      errors: [{ pointer: "/until", detail: "is past" }],
    };
    const problem = await problemOf(new Response(JSON.stringify(body), { status: 400 }));
    expect(problem).toMatchObject({
      status: 400,
      code: "invalid_value",
      requestId: "r-1",
      retryAfter: null,
    });
    expect(problem.of("until")).toBe("is past");
    expect(problem.of("reason")).toBeUndefined();
  });

  it("of proxies, which tell nothing, have words, too", async () => {
    const answer = new Response("<html>", {
      status: 502,
      statusText: "Bad Gateway",
      headers: { "retry-after": "3" },
    });
    expect(await problemOf(answer)).toMatchObject({
      code: "unexpected",
      detail: "The service answered 502 Bad Gateway",
      retryAfter: 3000,
    });
  });

  it("wait as long as they are told, in seconds or until a moment", () => {
    expect(retryAfterOf("2")).toBe(2000);
    expect(retryAfterOf("Sat, 21 Nov 2026 16:00:05 GMT", Date.UTC(2026, 10, 21, 16))).toBe(5000);
    expect(retryAfterOf("soon")).toBeNull();
    expect(retryAfterOf(null)).toBeNull();
  });

  it("may be anything that was thrown", () => {
    expect(asProblem(new TypeError("x is undefined"))).toMatchObject({
      code: "unexpected",
      detail: "x is undefined",
    });
  });
});

describe("an address", () => {
  it("leaves out what is empty", () => {
    expect(address("/a/", { search: "", page: 2, org: null, role: undefined, ok: false })).toBe(
      "/a/?page=2&ok=false",
    );
    expect(address("/a/")).toBe("/a/");
  });
});

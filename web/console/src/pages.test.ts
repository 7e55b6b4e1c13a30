import { describe, expect, it } from "vitest";
import { pageAt } from "./pages.js";

describe("the page at an address", () => {
  it("is found with and without a slash at the end, and by its parameter", () => {
    expect(pageAt("/")?.title).toBe("Now");
    expect(pageAt("")?.title).toBe("Now");
    expect(pageAt("/people/")?.title).toBe("People");
    expect(pageAt("/people/shop~ann%40example.com")?.title).toBe("Person");
  });

  it("is none where there is none", () => {
    expect(pageAt("/nowhere")).toBeUndefined();
    expect(pageAt("/people/1/more")).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { personHref } from "../../parts/PersonLink.js";
import { idIn } from "./idIn.js";

describe("the id in an address", () => {
  it.each(["42", "shop~ann%40example.com", "shop:ann", "100%", "a%25b", "é"])("is %s again", (id) =>
    expect(idIn(`/console${personHref(id)}`)).toBe(id),
  );

  it("is taken as it stands where it was typed by hand", () => {
    expect(idIn("/console/people/100%")).toBe("100%");
    expect(idIn("/console/people/ann/")).toBe("ann");
  });
});

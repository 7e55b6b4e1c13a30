// Whose page an address is. The router decodes paths halfway (`%25`, but not `%3A`), so that ids which hold either of them
// are taken from the address as the browser has it.

/** The id in the path of a person's page. */
export function idIn(pathname: string): string {
  const coded = pathname.split("/").filter(Boolean).at(-1) ?? "";
  try {
    return decodeURIComponent(coded);
  } catch {
    // Typed by hand, with a lone %.
    return coded;
  }
}

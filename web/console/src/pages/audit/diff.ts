// What an action changed, field by field: made of what was before and what is after.

/** One field that differs, or that only one side has. */
export interface Change {
  /** The field; parts of nested fields are joined by dots. */
  path: string;
  kind: "added" | "removed" | "changed" | "same";
  before: unknown;
  after: unknown;
}

/**
 * The differences between two values of JSON, by field.
 *
 * Objects are compared field by field, everything else as a whole: half of an address or of a list of scopes says
 * nothing. Fields that stayed come last, so that what changed is seen first.
 */
export function changesOf(before: unknown, after: unknown): Change[] {
  const was = flat(before);
  const is = flat(after);
  const paths = [...new Set([...was.keys(), ...is.keys()])];
  const changes = paths.map((path) => changeAt(path, was, is));
  return [...changes.filter(isNews), ...changes.filter((change) => !isNews(change))];
}

function isNews(change: Change): boolean {
  return change.kind !== "same";
}

function changeAt(path: string, was: Map<string, unknown>, is: Map<string, unknown>): Change {
  const [before, after] = [was.get(path), is.get(path)];
  if (!was.has(path)) return { path, kind: "added", before, after };
  if (!is.has(path)) return { path, kind: "removed", before, after };
  const isSame = JSON.stringify(sorted(before)) === JSON.stringify(sorted(after));
  return { path, kind: isSame ? "same" : "changed", before, after };
}

/** The leaves of a value by their paths. What is no object is one leaf without a name; nothing is none. */
function flat(value: unknown, path = "", into = new Map<string, unknown>()): Map<string, unknown> {
  if (value === null || value === undefined) {
    if (path) into.set(path, null);
  } else if (!isObject(value)) {
    into.set(path, value);
  } else {
    for (const [name, inner] of Object.entries(value))
      flat(inner, path ? `${path}.${name}` : name, into);
  }
  return into;
}

/** Objects inside lists may tell the same in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, sorted(inner)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field's name for people: `expires_in_ms` is `expires in`, `said.url` is `said › url`. */
export function fieldWords(path: string): string {
  const names = path.split(".").map((name) => name.replace(/_(ms|at)$/, "").replaceAll("_", " "));
  return names.join(" › ") || "value";
}

/** Waiting for conditions, each with a limit. */

/** Between two looks, in ms. */
const STEP = 50;

/**
 * Looks until `look` answers something other than `undefined` or `false`, and answers that.
 * A look that throws counts as "not yet"; what it threw last is told if the limit (ms) passes.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limit = 10_000,
): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + limit;
  let trouble: unknown = "not so yet";
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    } catch (error) {
      trouble = error;
    }
    if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what} (${String(trouble)})`);
    await new Promise((resolve) => setTimeout(resolve, STEP));
  }
}

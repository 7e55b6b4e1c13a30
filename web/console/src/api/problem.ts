// What went wrong with a request, in the words of the service (RFC 9457) or, where none came, in ours.

/** One field of a request that the service refused. */
export interface ProblemField {
  /** A JSON pointer: `/reason`. */
  pointer: string;
  detail: string;
}

/** The codes that are ours, because no answer of the service stands behind them. */
export type OwnCode = "unreachable" | "unexpected" | "signed_out";

/** A request that was not done. `code` tells one cause from another, `detail` is for people. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** The status of HTTP; 0 if no answer came. */
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly ProblemField[] = [],
    /** Under which the service's log knows the request. */
    readonly requestId: string | null = null,
    /** When it is worth trying again, in ms from now; `null` if the service did not say. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }

  /** Whether the same may work in a while: the network, a proxy, or a service that is busy or starts. */
  get isPassing(): boolean {
    return this.code === "unreachable" || this.status === 429 || this.status >= 502;
  }

  /** What is wrong with the field of that name, if anything is. */
  of(field: string): string | undefined {
    return this.errors.find((error) => error.pointer.replace(/^\//, "") === field)?.detail;
  }
}

/** Told of every problem that the service answers. */
export const onProblem = new Set<(problem: Problem) => void>();

/** The problem that an answer other than 2xx tells of, also one that a proxy wrote. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const told = (body ?? {}) as Partial<Record<"code" | "detail" | "request_id", string>> & {
    errors?: ProblemField[];
  };
  const problem = new Problem(
    response.status,
    told.code ?? "unexpected",
    told.detail ?? `The service answered ${response.status} ${response.statusText}`.trim(),
    told.errors ?? [],
    told.request_id ?? response.headers.get("x-request-id"),
    retryAfterOf(response.headers.get("retry-after")),
  );
  for (const listener of onProblem) listener(problem);
  return problem;
}

/** `Retry-After` in ms: seconds, or the moment in HTTP's form. */
export function retryAfterOf(header: string | null, now = Date.now()): number | null {
  if (!header) return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const moment = Date.parse(header);
  return Number.isNaN(moment) ? null : Math.max(0, moment - now);
}

/** Whether it was called off by the caller, which is no problem to tell of. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Anything thrown, as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "unexpected", error instanceof Error ? error.message : String(error));
}

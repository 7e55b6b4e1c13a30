// Requests to the service, each with a token, and once more with a new one where that is all that was wrong.

import { Failure, failureOf } from "./failure.js";
import type { Tokens } from "./token.js";

/** What is asked for and what comes back; fails with a Failure. `isLast`: the page goes, and cannot wait. */
export type Call = (
  method: string,
  path: string,
  body?: object,
  isLast?: boolean,
  // biome-ignore lint/suspicious/noExplicitAny: answers have the shapes that docs/openapi.json says; the callers name them.
) => Promise<any>;

/** For an answer, ms. */
const PATIENCE = 15_000;

const unreachable = (error: unknown): never => {
  throw failureOf(error, "unreachable");
};

export function createCall(base: string, tokens: Tokens, send: typeof fetch): Call {
  return async (method, path, body, isLast = false) => {
    for (let isAgain = false; ; isAgain = true) {
      const token = isLast ? tokens.token : await tokens.get(isAgain);
      const response = await send(`${base}/api/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body) as string,
        keepalive: isLast,
        signal: AbortSignal.timeout(PATIENCE),
      }).catch(unreachable);
      // Not the service, but a page that some network puts before it, says yes to everything and means nothing by it.
      if (response.ok) return response.json().catch(unreachable);
      const { status } = response;
      const { code = `http_${status}`, detail } = await response.json().catch(() => ({}));
      if (isAgain || status !== 401)
        throw new Failure(code, detail, Number(response.headers.get("retry-after")) * 1000 || 0);
    }
  };
}

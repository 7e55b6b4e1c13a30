// Requests to the service, each with a token, and once more with a new one where that is all that was wrong.

import { Failure, failureOf, GOES_ON, STOPS_ALL } from "./failure.js";
import type { Tokens } from "./token.js";

/** A request that takes longer than this has failed, ms. */
const TIMEOUT = 15_000;

/** What is asked for and what comes back; fails with a Failure. `isLast`: the page goes, and cannot wait. */
export type Call = (
  method: string,
  path: string,
  body?: object,
  isLast?: boolean,
  // biome-ignore lint/suspicious/noExplicitAny: answers have the shapes that docs/openapi.json says; the callers name them.
) => Promise<any>;

async function failure(response: Response): Promise<Failure> {
  const problem = await response.json().catch(() => ({}));
  const code: string = problem.code ?? `http_${response.status}`;
  return new Failure(
    code,
    problem.detail,
    Number(response.headers.get("retry-after")) * 1000 || 0,
    /^(login_ended|account_)/.test(code) ? STOPS_ALL : GOES_ON,
  );
}

export function createCall(base: string, tokens: Tokens, send: typeof fetch): Call {
  return async (method, path, body, isLast = false) => {
    for (let isAgain = false; ; isAgain = true) {
      const token = isLast ? tokens.last() : await tokens.get(isAgain);
      let response: Response;
      try {
        response = await send(`${base}/api/${path}`, {
          method,
          headers: { authorization: `Bearer ${token}` },
          body: body ? JSON.stringify(body) : null,
          keepalive: isLast,
          signal: AbortSignal.timeout(TIMEOUT),
        });
        if (response.ok) return await response.json();
      } catch (error) {
        throw failureOf(error, "unreachable");
      }
      const problem = await failure(response);
      if (isAgain || isLast || response.status !== 401 || problem.stops) throw problem;
    }
  };
}

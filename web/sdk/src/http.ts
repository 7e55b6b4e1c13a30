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

export function createCall(base: string, tokens: Tokens, send: typeof fetch): Call {
  return async (method, path, body, isLast = false) => {
    for (let isAgain = false; ; isAgain = true) {
      const token = isLast ? tokens.token : await tokens.get(isAgain);
      const response = await send(`${base}/api/${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(body) as string,
        keepalive: isLast,
      }).catch((error) => {
        throw failureOf(error, "unreachable");
      });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) return answer;
      const { code = `http_${response.status}`, detail } = answer;
      if (isAgain || response.status !== 401)
        throw new Failure(code, detail, Number(response.headers.get("retry-after")) * 1000 || 0);
    }
  };
}

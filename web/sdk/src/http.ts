// Requests to the service, each with a token, and once more with a new one where that is all that was wrong.

import { endsLogin, Failure, failureOf } from "./failure.js";
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

export function createCall(base: string, tokens: Tokens, send: typeof fetch): Call {
  const attempt = async (isAgain: boolean, ...request: Parameters<Call>): ReturnType<Call> => {
    const [method, path, body, isLast = false] = request;
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
    } catch (error) {
      throw failureOf(error, "unreachable");
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code = `http_${response.status}`, detail } = answer;
    if (response.status === 401 && !isAgain && !isLast && !endsLogin(code))
      return attempt(true, ...request);
    throw new Failure(code, detail, Number(response.headers.get("retry-after")) * 1000);
  };
  return (...request) => attempt(false, ...request);
}

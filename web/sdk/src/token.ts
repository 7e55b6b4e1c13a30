// Access tokens: fetched once for all who need one, renewed before they end, and whose they are.

import { Failure, failureOf, STOPS_TAB } from "./failure.js";
import type { Token } from "./types.js";

/** The part of a token's life after which another is fetched, so that the service never sees an ended one. */
const RENEW_AT = 0.8;
/** Not more often than this, ms, whatever the token says. */
const LEAST = 5_000;
/** Longer timers than this overflow, ms. */
const MOST = 2 ** 31 - 1;

export interface Tokens {
  /** A token that is good as far as is known; `isRefused`: the last one is not. Fails with a Failure. */
  get(isRefused?: boolean): Promise<string>;
  /** The last one, for a page that has no time to wait. */
  last(): string;
  /** Ms until another is to be fetched. */
  left(): number;
  /** Names the user and the login, without which tabs cannot know that they are of one. */
  owner(): Owner | undefined;
}

export interface Owner {
  readonly user: string;
  readonly login: string;
}

interface Claims {
  iss?: string;
  sub?: string | number;
  sid?: string | number;
  iat?: number;
  exp?: number;
}

/** What a token says, unverified; nothing of it if it is no JWT. */
function claimsOf(token: string): Claims {
  try {
    return JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
}

function ownerOf({ iss, sub, sid }: Claims): Owner | undefined {
  if (sub === undefined) return undefined;
  return { user: `${iss} ${sub}`, login: `${iss} ${sub} ${sid}` };
}

export function createTokens(source: Token): Tokens {
  let token = "";
  let owner: Owner | undefined;
  let renewAt = 0;
  let fetching: Promise<string> | undefined;

  const keep = (fetched: string) => {
    if (!fetched || typeof fetched !== "string")
      throw new Failure("token_missing", "there is no token", 0, STOPS_TAB);
    const claims = claimsOf(fetched);
    const next = ownerOf(claims);
    if (token && next?.login !== owner?.login)
      throw new Failure("user_changed", "the token is another login's", 0, STOPS_TAB);
    const now = Date.now();
    // By the life that the token was given, and by the clock here, whichever ends first. A clock that says it has ended
    // already is wrong, or the service will say so.
    const { exp = 0, iat = 0 } = claims;
    const left = Math.min(exp - iat, exp - now / 1000) * 1000 * RENEW_AT;
    renewAt = left > 0 ? now + Math.max(left, LEAST) : Number.POSITIVE_INFINITY;
    owner = next;
    token = fetched;
    return token;
  };

  const fetchToken = async (isRefused: boolean) => {
    if (typeof source === "function") {
      try {
        return keep(await source());
      } catch (error) {
        throw failureOf(error, "token_failed");
      }
    }
    if (isRefused) throw new Failure("token_refused", "the token has ended", 0, STOPS_TAB);
    return keep(source);
  };

  return {
    get(isRefused = false) {
      if (!isRefused && token && Date.now() < renewAt) return Promise.resolve(token);
      fetching ??= fetchToken(isRefused).finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    last: () => token,
    left: () => Math.min(MOST, Math.max(LEAST, renewAt - Date.now())),
    owner: () => owner,
  };
}


// Access tokens: fetched once for all who need one, renewed before they end, and whose they are.

import { Failure, failureOf } from "./failure.js";
import type { Token } from "./types.js";

/** The part of a token's life after which another is fetched, so that the service never sees an ended one. */
const RENEW_AT = 0.8;
/** Not more often than this, ms, whatever the token says. */
const LEAST = 5_000;

export interface Tokens {
  /** A token that is good as far as is known; `isRefused`: the last one is not. Fails with a Failure. */
  get(isRefused?: boolean): Promise<string>;
  /** The last one, for a page that has no time to wait. */
  token: string;
  /** Names of the user and of the login; without a login tabs cannot know that they are of one. */
  owner: string;
  login: string;
}

interface Claims {
  readonly iss?: string;
  readonly sub?: string | number;
  readonly sid?: string | number;
  readonly exp?: number;
}

/** What a token says, unverified; nothing if it is no JWT. */
function claimsOf(token: string): Claims {
  try {
    return JSON.parse(atob(token.split(".")[1]?.replace(/-/g, "+").replace(/_/g, "/") ?? ""));
  } catch {
    return {};
  }
}

export function createTokens(source: Token): Tokens {
  let renewAt = 0;
  let fetching: Promise<string> | undefined;

  const fetchToken = async (isRefused: boolean) => {
    try {
      const token = typeof source === "function" ? await source() : !isRefused && source;
      if (!token) throw new Failure("token_missing");
      const { iss, sub, sid, exp = 0 } = claimsOf(token);
      tokens.owner = `${iss} ${sub}`;
      const login = sub && `${tokens.owner} ${sid}`;
      if (tokens.login && tokens.login !== login) throw new Failure("user_changed");
      tokens.login = login as string;
      // Where the clock here says that it has ended already, the clock is wrong, or the service will say so.
      const left = (exp * 1000 - Date.now()) * RENEW_AT;
      renewAt = left > 0 ? Date.now() + left + LEAST : Infinity;
      tokens.token = token;
      return token;
    } catch (error) {
      // The one that is there may be good for a while.
      renewAt = Date.now() + LEAST;
      throw failureOf(error, "token_failed");
    }
  };
  const tokens: Tokens = {
    token: "",
    owner: "",
    login: "",
    async get(isRefused = false) {
      if (!isRefused && tokens.token && Date.now() < renewAt) return tokens.token;
      fetching ??= fetchToken(isRefused).finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
  };
  return tokens;
}

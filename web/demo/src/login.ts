/** Tokens of the person this window plays. No password: the demo's service logs its own people in. */

interface Tokens {
  access: string;
  refresh: string;
}

/** A callback for `connect`: a token, and a newer one each time it is asked for again. */
export function tokensOf(username: string): () => Promise<string> {
  // A reload goes on with the login it had, as an application's page would.
  const key = `rollcall-demo.refresh.${username}`;
  return async () => {
    const tokens = (await renewed(sessionStorage.getItem(key))) ?? (await loggedIn(username));
    sessionStorage.setItem(key, tokens.refresh);
    return tokens.access;
  };
}

async function renewed(refresh: string | null): Promise<Tokens | undefined> {
  if (!refresh) return undefined;
  const answer = await post("/api/auth/refresh/", { refresh });
  // Refused: the login is over (or its service is another one by now), so that a new one is due.
  if (answer.status === 400 || answer.status === 401) return undefined;
  return (await good(answer)) as Tokens;
}

async function loggedIn(username: string): Promise<Tokens> {
  const answer = (await good(await post("/demo/login/", { username }))) as { tokens: Tokens };
  return answer.tokens;
}

function post(path: string, body: object): Promise<Response> {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function good(answer: Response): Promise<unknown> {
  if (!answer.ok) throw new Error(`${new URL(answer.url).pathname} answered ${answer.status}`);
  return answer.json();
}

/** The service's API, as administrators and programs use it: what tests set up and look up beside the browser. */
import type { Service } from "./service.ts";

/** An answer that was no success. */
export class Refused extends Error {
  readonly status: number;

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: ${status} ${body}`);
    this.status = status;
  }
}

/** Somebody's account, with what is needed to be that person. */
export interface Account {
  /** As presence knows them. */
  id: string;
  username: string;
  password: string;
}

/** A change of status, as the audit has it. */
export interface Transition {
  from_status: string;
  to_status: string;
  reason: string;
  occurred_at: string;
  detected_at: string | null;
}

/** An action of an administrator, as the audit has it. */
export interface Action {
  action_type: string;
  actor: string;
  target_id: string | null;
  timestamp: string;
  metadata: Record<string, unknown>;
}

/** How many people have been made, for names that nobody else has. */
let made = 0;

/** One caller. */
export class Api {
  readonly base: string;
  readonly token: string;

  constructor(base: string, token: string) {
    this.base = base;
    this.token = token;
  }

  /** Logs in, which is a sign of life of that person. */
  static async logIn(service: Service, username: string, password?: string): Promise<Api> {
    const body = { username, password: password ?? service.password };
    const answer = await new Api(service.base, "").post<{ tokens: { access: string } }>(
      "/api/auth/login/",
      body,
    );
    return new Api(service.base, answer.tokens.access);
  }

  get<T = unknown>(path: string): Promise<T> {
    return this.send<T>("GET", path);
  }

  post<T = unknown>(path: string, body: object = {}): Promise<T> {
    return this.send<T>("POST", path, body);
  }

  async send<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(this.base + path, {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Refused(method, path, answer.status, text);
    return JSON.parse(text) as T;
  }

  /** Makes somebody (as an administrator). */
  async person(fields: Record<string, string> = {}): Promise<Account> {
    made += 1;
    const username = `person${process.pid}x${made}`;
    const password = `${username}-a-long-password`;
    const body = { username, email: `${username}@example.com`, password, role: "user", ...fields };
    const account = await this.post<{ id: number }>("/api/users/admin/users/", body);
    return { id: String(account.id), username: fields.username ?? username, password };
  }

  /** Somebody's changes of status, the oldest first (as an administrator). */
  async transitions(user: string): Promise<Transition[]> {
    const page = await this.get<{ results: Transition[] }>(
      `/api/presence/transitions/?user=${user}&limit=1000`,
    );
    return page.results.reverse();
  }

  /** What administrators did to somebody, the newest first. */
  async actions(target: string): Promise<Action[]> {
    const page = await this.get<{ results: Action[] }>(
      `/api/admin/audit-logs/?target=${target}&limit=1000`,
    );
    return page.results;
  }

  /** How somebody is seen. */
  async status(user: string): Promise<string> {
    return (await this.get<{ status: string }>(`/api/presence/users/${user}/`)).status;
  }

  /** The service's clock, in ms. */
  async clock(): Promise<number> {
    return Date.parse(
      (await this.get<{ server_time: string }>("/api/presence/stats/")).server_time,
    );
  }
}

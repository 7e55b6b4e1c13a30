// What the service answers of keys, webhooks, blocks and settings; docs/openapi.json is the truth.

import type { Moment } from "../../api/types.js";

/** A setting in force. Of a secret it is told only that there is one. */
export interface Setting {
  /** As a settings file has it. */
  name: string;
  /** The environment variable. */
  variable: string;
  /** Absent where it is not set. */
  value?: string | null;
  default?: string | null;
  /** `default`, `default of this command`, `derived`, `file`, `environment` or `command line`. */
  source: string;
  about: string;
}

/** A key of another service, without the key itself. */
export interface ServiceKey {
  id: string;
  name: string;
  /** Of whom it speaks; `null`: of all. */
  org: string | null;
  scopes: string[];
  created_at: Moment;
  created_by: string | null;
  expires_at: Moment | null;
  revoked_at: Moment | null;
  last_used_at: Moment | null;
}

/** What a key may do, and the words for it. */
export const SCOPES = [
  ["activity:write", "Say that people are active"],
  ["presence:read", "See who is present"],
  ["stats:read", "Count who is present"],
  ["grants", "Sign grants that let people into rooms"],
] as const;

/** Where webhooks are. */
export const WEBHOOKS = "/api/admin/webhooks/";

/** A server that is told of changes, without its secret. */
export interface Webhook {
  id: string;
  name: string;
  url: string;
  org: string | null;
  events: string[];
  debounce_ms: number | null;
  enabled: boolean;
  created_at: Moment;
  created_by: string | null;
  updated_at: Moment;
  previous_secret_until: Moment | null;
  failures: number;
  problem: string | null;
  last_success_at: Moment | null;
  last_failure_at: Moment | null;
  next_attempt_at: Moment | null;
}

/** What a webhook may be told, and the words for it. */
export const EVENTS = [
  ["online", "Somebody came"],
  ["offline", "Somebody left"],
  ["status", "Somebody's status changed"],
] as const;

/** A batch of events on its way. */
export interface Delivery {
  id: string;
  state: "pending" | "delivered" | "dead";
  events: number;
  attempts: number;
  created_at: Moment;
  last_attempt_at: Moment | null;
  ended_at: Moment | null;
  /** The status that the receiver answered last. */
  answer: number | null;
  problem: string | null;
}

/** What came back for a trial. */
export interface Trial {
  delivered: boolean;
  status: number | null;
  problem: string | null;
  /** The beginning of the answer's body. */
  answer: string;
  took_ms: number;
}

/** A network whose requests are refused. */
export interface Block {
  id: number;
  cidr: string;
  reason: string;
  since: Moment;
  until: Moment | null;
  /** `null`: the service itself. */
  made_by: string | null;
  lifted_at: Moment | null;
  lifted_by: string | null;
  in_force: boolean;
}

// What the service tells about one person. Fields that the page does not show are left out.

import type { Moment, Person, Status } from "../../api/types.js";

/** An account with what clients keep beside it. */
export interface Detail extends Person {
  profile: Record<string, string>;
}

/** A session: one tab or app. */
export interface LiveSession {
  /** `null`: it stands for all there were before Redis lost them. */
  id: string | null;
  device: string | null;
  transport: string;
  since: Moment | null;
  last_sign: Moment;
  deadline: Moment;
  left_ms: number;
  activity: "active" | "idle";
  mode: string;
  pace: string;
  node: string | null;
}

/** What a person, or an administrator, wants to be seen. */
export interface Claim {
  id: string;
  whose: "manual" | "admin";
  status: Status;
  text: string;
  emoji: string;
  until: Moment | null;
}

/** What one of the stores has. */
export interface Stored {
  org: string;
  status: Status;
  since: Moment | null;
  last_seen: Moment | null;
  version: number;
  n: number;
}

/** Why somebody has a status. */
export interface Explanation {
  user_id: string;
  now: Moment;
  summary: string;
  why: string[];
  layers: {
    sessions: Status;
    claims: Status | null;
    gate: string | null;
    status: Status;
    shown: Status;
  };
  sessions: LiveSession[];
  claims: Claim[];
  gate: { kind: string | null; until: Moment | null } | null;
  shard: { shard: number; owner: string | null; epoch: number; n: number };
  redis: Stored | null;
  postgres: Stored | null;
  agree: boolean;
  differences: string[];
}

/** A login that can still be used. */
export interface Login {
  id: string;
  current: boolean;
  present: boolean;
  device: string | null;
  address: string | null;
  program: string | null;
  since: Moment;
  last_seen: Moment;
  expires_at: Moment;
}

/** An unbroken stretch of one status. */
export interface Stretch {
  status: Status;
  from: Moment;
  to: Moment | null;
  duration_ms: number | null;
  end_reason: string | null;
  open: boolean;
}

/** Something that happened. */
export interface Entry {
  kind: "transition" | "claim" | "wish";
  from_status: Status;
  to_status: Status;
  reason: string;
  occurred_at: Moment;
  device: string | null;
  session_id: string | null;
  actor: string | null;
  uncertainty_ms: number;
  shard: number;
  epoch: number;
  n: number;
}

/** A span of somebody's history, newest first. */
export interface Timeline {
  since: Moment;
  until: Moment;
  intervals: Stretch[];
  entries: Entry[];
  next_cursor: string | null;
}

// The shapes of the API that more than one page reads; docs/openapi.json is the truth. Fields that the console does not show
// are left out.

/** A moment in RFC 3339, UTC. */
export type Moment = string;

/** What others see of somebody; `invisible` only to themselves and to administrators who say why. */
export type Status = "online" | "away" | "busy" | "offline" | "invisible";

export type Role = "user" | "moderator" | "admin";

/** How an account stands. */
export type Standing = "active" | "pending" | "suspended" | "banned";

/** The words of docs/permissions.md. */
export type Permission =
  | "view_users"
  | "create_user"
  | "edit_user"
  | "delete_user"
  | "approve_user"
  | "suspend_user"
  | "force_logout_user"
  | "reset_totp"
  | "assign_moderator"
  | "import_users"
  | "erase_user"
  | "set_presence"
  | "reveal_presence"
  | "view_history"
  | "export_data"
  | "view_audit_logs"
  | "view_settings"
  | "edit_settings"
  | "manage_service_keys"
  | "manage_blocks"
  | "manage_webhooks";

/** A page of a list that goes on behind a cursor. */
export interface CursorPage<T> {
  results: T[];
  next_cursor: string | null;
}

/** An account with its presence. */
export interface Person {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  full_name: string;
  role: Role;
  status: Standing;
  /** The same, or `inactive` when the account is switched off. */
  display_status: Standing | "inactive";
  is_active: boolean;
  online_status: Status;
  last_seen: Moment | null;
  created_at: Moment;
  bio: string;
}

/** Somebody's presence as the caller may see it. */
export interface Seen {
  user_id: string;
  status: Status;
  since: Moment | null;
  online_since: Moment | null;
  last_seen: Moment | null;
  version: number | null;
  text: string | null;
  emoji: string | null;
  devices: string[];
}

/** How many people are present. */
export interface Counts {
  online: number;
  away: number;
  busy: number;
  /** The sum of the three. */
  users: number;
  sessions: number;
}

/** A change of status, as the history has it. */
export interface Transition {
  user_id: string | null;
  org: string;
  from_status: Status;
  to_status: Status;
  reason: string;
  occurred_at: Moment;
  detected_at: Moment | null;
  session_id: string | null;
  device: string | null;
  actor: string | null;
  epoch: number;
  n: number;
  shard: number;
}

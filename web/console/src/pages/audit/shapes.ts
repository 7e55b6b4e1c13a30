// What the service answers of recorded actions; docs/openapi.json is the truth.

import type { Moment } from "../../api/types.js";

/** Something that was done. */
export interface Action {
  id: string;
  timestamp: Moment;
  /** The account name of who acted; `System` where nobody was logged in. */
  actor: string;
  /** The user id of who acted, or `cli`. */
  actor_id: string | null;
  action_type: string;
  description: string;
  target_type: string | null;
  target_id: string | null;
  severity: string;
  category: string;
  ip_address: string | null;
  user_agent: string | null;
  session_id: string | null;
  metadata: { before: unknown; after: unknown; request_id: string | null };
}

/** How much was done in a span. */
export interface Stats {
  since: Moment;
  until: Moment;
  total: number;
  by_action: { name: string; count: number }[];
  by_severity: { name: string; count: number }[];
  by_category: { name: string; count: number }[];
  by_actor: { actor_id: string; actor: string; count: number }[];
  /** Days of UTC; those on which nothing was done are left out. */
  by_day: { day: Moment; count: number }[];
}

/** The kinds of actions that the service records, by what they concern. */
const KINDS: readonly string[] = [
  "USER_LOGIN USER_FAILED_LOGIN USER_LOGOUT LOGOUT_ALL FORCE_LOGOUT REFRESH_REUSED IDENTITY_REFUSED",
  "PASSWORD_CHANGED RESET_LINK_CREATED PASSWORD_RESET",
  "TOTP_ASKED TOTP_ENABLED TOTP_DISABLED TOTP_RESET RECOVERY_CODE_USED",
  "USER_REGISTERED USER_CREATED USER_UPDATED USER_DELETED USER_RESTORED PERMANENT_DELETE USER_ERASED",
  "USER_APPROVED USER_REJECTED USER_SUSPENDED SUSPENSION_ENDED USER_BANNED USER_ACTIVATED ROLE_CHANGED",
  "PROFILE_CHANGED PRIVACY_CHANGED ONLINE_STATUS_SET ONLINE_STATUS_CLEARED PRESENCE_REVEALED",
  "DATA_IMPORTED DATA_EXPORTED SERVICE_KEY_CREATED SERVICE_KEY_REVOKED ADDRESS_BLOCKED ADDRESS_UNBLOCKED",
  "WEBHOOK_CREATED WEBHOOK_CHANGED WEBHOOK_DELETED WEBHOOK_SECRET_ROTATED WEBHOOK_TESTED",
  "WEBHOOK_REDELIVERED SYSTEM_SETTINGS_CHANGED",
];

/** All kinds of actions. */
export const ACTIONS: readonly string[] = KINDS.flatMap((line) => line.split(" "));

/** A kind of action in words: `Service key created`. */
export function actionWords(kind: string): string {
  const words = kind.toLowerCase().replaceAll("_", " ").replace("totp", "second factor");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

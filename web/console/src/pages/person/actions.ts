// What administrators can do to somebody: when it is offered, what it demands, how it is asked.

import { api, part } from "../../api/client.js";
import type { Permission } from "../../api/types.js";
import type { Detail, Explanation } from "./types.js";
import { isAccount } from "./usePerson.js";

/** What is known when actions are offered. */
export interface Known {
  id: string;
  account: Detail | undefined;
  explanation: Explanation | undefined;
}

/** The answer to an action. */
export interface Answer {
  message: string;
  /** `false`: presence did not answer, and follows when it is back. */
  in_effect?: boolean;
}

/** One action. */
export interface PersonAction {
  key: string;
  words: string;
  about: string;
  permission: Permission;
  isDangerous?: boolean;
  /** What it asks beside the reason. */
  asks?: "status" | "end";
  isOffered: (known: Known) => boolean;
  run: (known: Known, body: Record<string, unknown>) => Promise<Answer>;
}

const decide =
  (what: string) =>
  ({ id }: Known, body: Record<string, unknown>) =>
    api<Answer>(`/api/users/admin/users/${part(id)}/${what}/`, { method: "POST", body });

const standing =
  (...those: string[]) =>
  ({ account }: Known) =>
    account !== undefined && those.includes(account.display_status);

/** In the order of the menu. */
export const ACTIONS: readonly PersonAction[] = [
  {
    key: "approve",
    words: "Approve",
    about: "The account is let in, and the tokens of its registration become good.",
    permission: "approve_user",
    isOffered: standing("pending"),
    run: decide("approve"),
  },
  {
    key: "reject",
    words: "Reject",
    about: "The account is turned away. Its name stays taken.",
    permission: "approve_user",
    isDangerous: true,
    isOffered: standing("pending"),
    run: decide("reject"),
  },
  {
    key: "activate",
    words: "Activate",
    about: "The account is let in again.",
    permission: "suspend_user",
    isOffered: standing("suspended", "banned", "inactive"),
    run: decide("activate"),
  },
  {
    key: "set-status",
    words: "Set status",
    about: "It goes before what they say themselves, and shows while they have a session.",
    permission: "set_presence",
    asks: "status",
    isOffered: () => true,
    run: ({ id }, body) =>
      api<Answer>(`/api/presence/users/${part(id)}/set-online-status/`, { method: "POST", body }),
  },
  {
    key: "clear-status",
    words: "Take the set status back",
    about: "Their sessions and they themselves say again how they are.",
    permission: "set_presence",
    isOffered: ({ explanation }) =>
      explanation?.claims.some((claim) => claim.whose === "admin") ?? false,
    run: ({ id }, body) =>
      api<Answer>(`/api/presence/users/${part(id)}/set-online-status/`, { method: "DELETE", body }),
  },
  {
    key: "force-logout",
    words: "Log out everywhere",
    about: "All logins end, with all sessions and tokens. They may sign in again.",
    permission: "force_logout_user",
    isDangerous: true,
    isOffered: () => true,
    run: ({ id }, body) => {
      const base = isAccount(id) ? "/api/users/admin/users" : "/api/presence/users";
      return api<Answer>(`${base}/${part(id)}/force-logout/`, { method: "POST", body });
    },
  },
  {
    key: "suspend",
    words: "Suspend",
    about: "They go offline at once, and cannot come back before the end.",
    permission: "suspend_user",
    isDangerous: true,
    asks: "end",
    isOffered: standing("active", "suspended"),
    run: decide("suspend"),
  },
  {
    key: "ban",
    words: "Ban",
    about: "They go offline at once, all logins end, and they cannot come back.",
    permission: "suspend_user",
    isDangerous: true,
    isOffered: standing("active", "pending", "suspended", "inactive"),
    run: decide("ban"),
  },
];

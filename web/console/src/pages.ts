// The pages of the console: where they are, what they demand, and how they are loaded. A page is a folder in pages/ whose
// index.tsx has the page as its default export.

import type { ComponentType } from "preact";
import type { Permission } from "./api/types.js";
import type { IconName } from "./parts/index.js";

/** A page. */
export interface Page {
  path: string;
  title: string;
  icon: IconName;
  /** Whoever has one of them sees it. */
  permissions: readonly Permission[];
  /** In the navigation; others are reached from a page. */
  isListed: boolean;
  load: () => Promise<{ default: ComponentType }>;
}

/** In the order of the navigation. */
export const PAGES: readonly Page[] = [
  {
    path: "/",
    title: "Now",
    icon: "now",
    permissions: ["view_users"],
    isListed: true,
    load: () => import("./pages/now/index.js"),
  },
  {
    path: "/people",
    title: "People",
    icon: "people",
    permissions: ["view_users"],
    isListed: true,
    load: () => import("./pages/people/index.js"),
  },
  {
    path: "/people/:id",
    title: "Person",
    icon: "people",
    permissions: ["view_users"],
    isListed: false,
    load: () => import("./pages/person/index.js"),
  },
  {
    path: "/history",
    title: "History",
    icon: "history",
    permissions: ["view_history"],
    isListed: true,
    load: () => import("./pages/history/index.js"),
  },
  {
    path: "/audit",
    title: "Audit",
    icon: "audit",
    permissions: ["view_audit_logs"],
    isListed: true,
    load: () => import("./pages/audit/index.js"),
  },
  {
    path: "/approvals",
    title: "Approvals",
    icon: "approvals",
    permissions: ["approve_user"],
    isListed: true,
    load: () => import("./pages/approvals/index.js"),
  },
  {
    path: "/settings",
    title: "Settings",
    icon: "settings",
    permissions: ["view_settings", "manage_service_keys", "manage_webhooks", "manage_blocks"],
    isListed: true,
    load: () => import("./pages/settings/index.js"),
  },
];

/** The page at a path below the console's own; `undefined`: there is none. */
export function pageAt(path: string): Page | undefined {
  const parts = path.split("/").filter(Boolean);
  return PAGES.find((page) => {
    const pattern = page.path.split("/").filter(Boolean);
    const fits = (part: string, at: number) => part.startsWith(":") || part === parts[at];
    return pattern.length === parts.length && pattern.every(fits);
  });
}

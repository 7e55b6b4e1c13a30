// How a webhook stands, and the way to it.

import { Link } from "wouter-preact";
import { Badge } from "../../parts/index.js";
import { plural } from "../../state/words.js";
import type { Webhook } from "./shapes.js";

/** Leads to one webhook. */
export function WebhookLink({ webhook }: { webhook: Webhook }) {
  return (
    <Link
      class="person-link"
      href={`/settings?view=webhooks&webhook=${encodeURIComponent(webhook.id)}`}
    >
      {webhook.name}
    </Link>
  );
}

/** Whether it is told, and whether it takes what it is told. */
export function WebhookStanding({ webhook }: { webhook: Webhook }) {
  if (!webhook.enabled) return <Badge>paused</Badge>;
  if (webhook.failures > 0) {
    return <Badge tone="bad">failed {plural(webhook.failures, "time", "times")}</Badge>;
  }
  return webhook.last_success_at ? (
    <Badge tone="good">well</Badge>
  ) : (
    <Badge>nothing told yet</Badge>
  );
}

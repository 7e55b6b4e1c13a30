// Webhooks: who is told of changes, whether they take it, and one of them in full.

import { useState } from "preact/hooks";
import { useSearch } from "wouter-preact";
import { api } from "../../api/client.js";
import type { CursorPage } from "../../api/types.js";
import {
  type Column,
  DataTable,
  Empty,
  ErrorNotice,
  Icon,
  Loading,
  Section,
  Time,
} from "../../parts/index.js";
import { useResource } from "../../state/useResource.js";
import { plural } from "../../state/words.js";
import { SecretDialog } from "./SecretDialog.js";
import { WEBHOOKS, type Webhook } from "./shapes.js";
import { type MadeWebhook, WebhookForm } from "./WebhookForm.js";
import { WebhookLink, WebhookStanding } from "./WebhookParts.js";
import { WebhookView } from "./WebhookView.js";

/** The list, or the one that the address names. */
export function Webhooks() {
  const id = new URLSearchParams(useSearch()).get("webhook");
  const list = useResource((signal) => api<CursorPage<Webhook>>(WEBHOOKS, { signal }), []);
  const { data, problem, reload } = list;
  if (problem && !data) return <ErrorNotice problem={problem} onRetry={reload} />;
  if (!data) return <Loading label="Reading the webhooks" />;
  const chosen = data.results.find((webhook) => webhook.id === id);
  return chosen ? (
    <WebhookView key={chosen.id} webhook={chosen} reload={reload} />
  ) : (
    <List webhooks={data.results} reload={reload} />
  );
}

const COLUMNS: readonly Column<Webhook>[] = [
  {
    key: "name",
    head: "Name",
    cell: (webhook) => (
      <>
        <span class="badges">
          <WebhookLink webhook={webhook} /> <WebhookStanding webhook={webhook} />
        </span>
        <div class="faint small webhook-url">{webhook.url}</div>
      </>
    ),
  },
  { key: "events", head: "Told", from: "desktop", cell: (webhook) => webhook.events.join(", ") },
  { key: "org", head: "Organisation", from: "desktop", cell: (webhook) => webhook.org ?? "all" },
  {
    key: "taken",
    head: "Last taken",
    from: "tablet",
    cell: (webhook) => <Time at={webhook.last_success_at} none="never" />,
  },
  {
    key: "failures",
    head: "Failures since",
    isNumber: true,
    from: "tablet",
    cell: (webhook) => webhook.failures,
  },
];

function List({ webhooks, reload }: { webhooks: readonly Webhook[]; reload: () => void }) {
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<MadeWebhook | null>(null);
  const done = (webhook: Webhook | MadeWebhook) => {
    setMaking(false);
    if ("secret" in webhook) setMade(webhook);
    reload();
  };
  return (
    <>
      <Section
        title="Webhooks"
        about={`Servers that are told who comes and goes. ${plural(webhooks.length, "is", "are")} registered of 50.`}
        isFlush
        actions={
          <button type="button" class="button is-primary" onClick={() => setMaking(true)}>
            <Icon name="plus" size={16} /> New webhook
          </button>
        }
      >
        {webhooks.length === 0 ? (
          <Empty title="No webhook yet">Make one, and your server is told within a second.</Empty>
        ) : (
          <DataTable
            caption="Webhooks"
            columns={COLUMNS}
            rows={webhooks}
            keyOf={(webhook) => webhook.id}
            rowClass={(webhook) => (webhook.enabled ? undefined : "is-over")}
          />
        )}
      </Section>
      {isMaking && <WebhookForm onDone={done} onClose={() => setMaking(false)} />}
      {made && (
        <SecretDialog
          title={`The secret of “${made.name}”`}
          secret={made.secret}
          about="Your server checks with it that deliveries come from here."
          onClose={() => setMade(null)}
        />
      )}
    </>
  );
}

// The form that makes a webhook, or changes one.

import { useState } from "preact/hooks";
import { api, part } from "../../api/client.js";
import { Dialog, Select, TextField } from "../../parts/index.js";
import { Boxes, FormFoot } from "./FormParts.js";
import { EVENTS, WEBHOOKS, type Webhook } from "./shapes.js";
import { useSubmission } from "./useSubmission.js";

const DEBOUNCES = [
  ["", "Tell every change"],
  ["3000", "3 seconds"],
  ["10000", "10 seconds"],
  ["30000", "30 seconds"],
  ["60000", "1 minute"],
  ["300000", "5 minutes"],
  ["600000", "10 minutes"],
] as const;

/** The choices, and the one that a webhook has, which may have been set by a request. */
function debouncesWith(chosen: string): readonly (readonly [string, string])[] {
  const isKnown = DEBOUNCES.some(([ms]) => ms === chosen);
  return isKnown ? DEBOUNCES : [...DEBOUNCES, [chosen, `${chosen} ms`]];
}

/** A webhook just made or with a new secret, and the only time that the secret is told. */
export type MadeWebhook = Webhook & { secret: string };

interface Fields {
  name: string;
  url: string;
  org: string;
  events: string[];
  debounce: string;
}

function fieldsOf(webhook: Webhook | undefined): Fields {
  return {
    name: webhook?.name ?? "",
    url: webhook?.url ?? "",
    org: webhook?.org ?? "",
    events: webhook?.events ?? EVENTS.map(([event]) => event),
    debounce: webhook?.debounce_ms ? String(webhook.debounce_ms) : "",
  };
}

function send(fields: Fields, webhook: Webhook | undefined): Promise<Webhook | MadeWebhook> {
  const body = {
    name: fields.name.trim(),
    url: fields.url.trim(),
    events: fields.events,
    org: fields.org.trim() || null,
    debounce_ms: fields.debounce ? Number(fields.debounce) : null,
  };
  return webhook
    ? api<Webhook>(`${WEBHOOKS}${part(webhook.id)}/`, { method: "PATCH", body })
    : api<MadeWebhook>(WEBHOOKS, { method: "POST", body });
}

/** Asks for the address of a webhook and what it is told; changes `webhook` if there is one. */
export function WebhookForm({
  webhook,
  onDone,
  onClose,
}: {
  webhook?: Webhook | undefined;
  onDone: (done: Webhook | MadeWebhook) => void;
  onClose: () => void;
}) {
  const [fields, setFields] = useState(() => fieldsOf(webhook));
  const change = (changes: Partial<Fields>) => setFields((was) => ({ ...was, ...changes }));
  const submission = useSubmission(async () => onDone(await send(fields, webhook)));
  return (
    <Dialog
      title={webhook ? `Change “${webhook.name}”` : "New webhook"}
      onClose={onClose}
      isKept={submission.isBusy}
    >
      <form class="stack" onSubmit={submission.submit}>
        <WebhookFields fields={fields} problem={submission.problem} change={change} />
        <TextField
          label="Organisation (optional)"
          hint="It is told of people of this organisation only."
          value={fields.org}
          maxLength={64}
          error={submission.problem?.of("org")}
          onInput={(org) => change({ org })}
        />
        <FormFoot
          submission={submission}
          verb={webhook ? "Change it" : "Make the webhook"}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}

function WebhookFields({
  fields,
  problem,
  change,
}: {
  fields: Fields;
  problem: { of: (field: string) => string | undefined } | null;
  change: (changes: Partial<Fields>) => void;
}) {
  return (
    <>
      <TextField
        label="Name"
        value={fields.name}
        maxLength={100}
        required
        error={problem?.of("name")}
        onInput={(name) => change({ name })}
      />
      <TextField
        label="Address"
        type="url"
        hint="https:// and public; deliveries are sent there by POST."
        placeholder="https://hooks.example.com/rollcall"
        value={fields.url}
        maxLength={2000}
        required
        error={problem?.of("url")}
        onInput={(url) => change({ url })}
      />
      <Boxes
        label="It is told"
        options={EVENTS}
        chosen={fields.events}
        error={problem?.of("events")}
        onChange={(events) => change({ events })}
      />
      <Select
        label="Leave out what is undone within"
        value={fields.debounce}
        options={debouncesWith(fields.debounce)}
        error={problem?.of("debounce_ms")}
        onChange={(debounce) => change({ debounce })}
      />
    </>
  );
}

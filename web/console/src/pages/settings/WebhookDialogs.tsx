// What is asked before a webhook is changed.

import { useRef, useState } from "preact/hooks";
import { api, part } from "../../api/client.js";
import { ConfirmAction, Select } from "../../parts/index.js";
import { tell } from "../../state/toasts.js";
import { SecretDialog } from "./SecretDialog.js";
import { WEBHOOKS, type Webhook } from "./shapes.js";
import { type MadeWebhook, WebhookForm } from "./WebhookForm.js";

/** What somebody wants to do. */
export type Asked = "change" | "pause" | "rotate" | "delete";

interface DialogProps {
  webhook: Webhook;
  close: () => void;
  changed: () => void;
}

/** The dialog for what was asked. */
export function WebhookDialogs({
  asked,
  removed,
  ...props
}: DialogProps & { asked: Asked; removed: () => void }) {
  const { webhook, close, changed } = props;
  const path = `${WEBHOOKS}${part(webhook.id)}/`;
  if (asked === "rotate") return <Rotate {...props} path={path} />;
  if (asked === "change") {
    const done = () => {
      tell(`“${webhook.name}” is changed.`);
      close();
      changed();
    };
    return <WebhookForm webhook={webhook} onDone={done} onClose={close} />;
  }
  const pause = async () => {
    await api(path, { method: "PATCH", body: { enabled: false } });
    tell(`“${webhook.name}” is paused.`);
    changed();
  };
  const remove = async () => {
    await api(path, { method: "DELETE" });
    tell(`“${webhook.name}” is deleted.`);
    removed();
  };
  return asked === "pause" ? (
    <ConfirmAction
      title={`Pause “${webhook.name}”?`}
      about="It is told nothing until it is resumed, and never of what happens meanwhile. What waits already is kept."
      verb="Pause"
      onConfirm={pause}
      onClose={close}
    />
  ) : (
    <ConfirmAction
      title={`Delete “${webhook.name}”?`}
      about="What waits for it and its dead letters go, too. This cannot be undone."
      verb="Delete"
      isDangerous
      onConfirm={remove}
      onClose={close}
    />
  );
}

const HOUR = 3_600_000;
const OVERLAPS = [
  ["0", "No longer: from now on the new one alone"],
  [String(HOUR), "For an hour"],
  [String(24 * HOUR), "For a day"],
  [String(168 * HOUR), "For a week"],
] as const;

function Rotate({ webhook, close, changed, path }: DialogProps & { path: string }) {
  const [overlap, setOverlap] = useState(String(24 * HOUR));
  const [made, setMade] = useState<MadeWebhook | null>(null);
  const isMade = useRef(false);
  const rotate = async () => {
    const body = { overlap_ms: Number(overlap) };
    const webhook = await api<MadeWebhook>(`${path}rotate-secret/`, { method: "POST", body });
    isMade.current = true;
    setMade(webhook);
    changed();
  };
  if (made) {
    return (
      <SecretDialog
        title={`The new secret of “${webhook.name}”`}
        secret={made.secret}
        about="Give it to your server before the old one ends."
        onClose={close}
      />
    );
  }
  return (
    <ConfirmAction
      title={`A new secret for “${webhook.name}”`}
      about="Deliveries are signed with both while the old one still signs."
      verb="Make a new secret"
      onConfirm={rotate}
      // The question closes itself once it is answered; the secret is shown then.
      onClose={() => isMade.current || close()}
    >
      <Select
        label="The old one signs, too"
        value={overlap}
        options={OVERLAPS}
        onChange={setOverlap}
      />
    </ConfirmAction>
  );
}

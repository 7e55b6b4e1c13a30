// The form that makes a service key.

import { useState } from "preact/hooks";
import { api } from "../../api/client.js";
import { Dialog, TextField } from "../../parts/index.js";
import { Boxes, EndField, type Ends, FormFoot, lifeOf } from "./FormParts.js";
import { SCOPES, type ServiceKey } from "./shapes.js";
import { useSubmission } from "./useSubmission.js";

const ENDS: Ends = [
  ["30", "After 30 days"],
  ["90", "After 90 days"],
  ["365", "After a year"],
  ["date", "At a moment…"],
  ["never", "Never, until it is revoked"],
];

/** A key just made, and the only time that it is told. */
export type MadeKey = ServiceKey & { key: string };

/** Asks for the name, the scopes, the organisation and the end of a key. */
export function KeyForm({
  onMade,
  onClose,
}: {
  onMade: (made: MadeKey) => void;
  onClose: () => void;
}) {
  const [name, setName] = useState("");
  const [org, setOrg] = useState("");
  const [scopes, setScopes] = useState<string[]>([]);
  const [end, setEnd] = useState<readonly [string, string]>(["90", ""]);
  const submission = useSubmission(async () => {
    const life = lifeOf(...end);
    const body = {
      name: name.trim(),
      scopes,
      ...(org && { org: org.trim() }),
      ...(life && { expires_in_ms: life }),
    };
    onMade(await api<MadeKey>("/api/admin/service-keys/", { method: "POST", body }));
  });
  const { problem } = submission;
  return (
    <Dialog title="New service key" onClose={onClose}>
      <form class="stack" onSubmit={submission.submit}>
        <TextField
          label="Name"
          hint="What you will know it by: the service that uses it."
          value={name}
          maxLength={100}
          required
          error={problem?.of("name")}
          onInput={setName}
        />
        <Boxes
          label="It may"
          options={SCOPES}
          chosen={scopes}
          error={problem?.of("scopes")}
          onChange={setScopes}
        />
        <TextField
          label="Organisation (optional)"
          hint="It speaks of people of this organisation only."
          value={org}
          maxLength={64}
          error={problem?.of("org")}
          onInput={setOrg}
        />
        <EndField
          label="Ends"
          ends={ENDS}
          initial="90"
          error={problem?.of("expires_in_ms")}
          onChange={(choice, at) => setEnd([choice, at])}
        />
        <FormFoot submission={submission} verb="Make the key" onClose={onClose} />
      </form>
    </Dialog>
  );
}

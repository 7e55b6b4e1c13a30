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

interface Fields {
  name: string;
  org: string;
  scopes: string[];
  /** The choice and, of `date`, the moment. */
  end: readonly [choice: string, at: string];
}

const EMPTY: Fields = { name: "", org: "", scopes: [], end: ["90", ""] };

function make({ name, org, scopes, end }: Fields): Promise<MadeKey> {
  const life = lifeOf(...end);
  const body = {
    name: name.trim(),
    scopes,
    ...(org && { org: org.trim() }),
    ...(life && { expires_in_ms: life }),
  };
  return api<MadeKey>("/api/admin/service-keys/", { method: "POST", body });
}

/** Asks for the name, the scopes, the organisation and the end of a key. */
export function KeyForm({
  onMade,
  onClose,
}: {
  onMade: (made: MadeKey) => void;
  onClose: () => void;
}) {
  const [fields, setFields] = useState(EMPTY);
  const change = (changes: Partial<Fields>) => setFields((was) => ({ ...was, ...changes }));
  const submission = useSubmission(async () => onMade(await make(fields)));
  const { problem } = submission;
  return (
    <Dialog title="New service key" onClose={onClose} isKept={submission.isBusy}>
      <form class="stack" onSubmit={submission.submit}>
        <TextField
          label="Name"
          hint="What you will know it by: the service that uses it."
          value={fields.name}
          maxLength={100}
          required
          error={problem?.of("name")}
          onInput={(name) => change({ name })}
        />
        <Boxes
          label="It may"
          options={SCOPES}
          chosen={fields.scopes}
          error={problem?.of("scopes")}
          onChange={(scopes) => change({ scopes })}
        />
        <TextField
          label="Organisation (optional)"
          hint="It speaks of people of this organisation only."
          value={fields.org}
          maxLength={64}
          error={problem?.of("org")}
          onInput={(org) => change({ org })}
        />
        <EndField
          ends={ENDS}
          initial={EMPTY.end[0]}
          error={problem?.of("expires_in_ms")}
          onChange={(...end) => change({ end })}
        />
        <FormFoot submission={submission} verb="Make the key" onClose={onClose} />
      </form>
    </Dialog>
  );
}

// The form that blocks a network.

import { useState } from "preact/hooks";
import { api } from "../../api/client.js";
import { Dialog, Notice, TextArea, TextField } from "../../parts/index.js";
import { breadthWords } from "./cidr.js";
import { EndField, type Ends, FormFoot, lifeOf } from "./FormParts.js";
import type { Block } from "./shapes.js";
import { useSubmission } from "./useSubmission.js";

const ENDS: Ends = [
  ["1", "After a day"],
  ["7", "After 7 days"],
  ["30", "After 30 days"],
  ["date", "At a moment…"],
  ["never", "Never, until it is lifted"],
];

interface Fields {
  cidr: string;
  reason: string;
  /** The choice and, of `date`, the moment. */
  end: readonly [choice: string, at: string];
}

const EMPTY: Fields = { cidr: "", reason: "", end: ["7", ""] };

function block({ cidr, reason, end }: Fields): Promise<Block> {
  const life = lifeOf(...end);
  const body = { cidr: cidr.trim(), reason: reason.trim(), ...(life && { expires_in_ms: life }) };
  return api<Block>("/api/admin/blocked-addresses/", { method: "POST", body });
}

/** Asks which network to block, why and for how long. */
export function BlockForm({
  onMade,
  onClose,
}: {
  onMade: (made: Block) => void;
  onClose: () => void;
}) {
  const [fields, setFields] = useState(EMPTY);
  const change = (changes: Partial<Fields>) => setFields((was) => ({ ...was, ...changes }));
  const submission = useSubmission(async () => onMade(await block(fields)));
  const { problem } = submission;
  return (
    <Dialog title="Block a network" onClose={onClose} isKept={submission.isBusy}>
      <form class="stack" onSubmit={submission.submit}>
        <TextField
          label="Address or network"
          hint={breadthWords(fields.cidr) ?? "203.0.113.7, 203.0.113.0/24, 2001:db8::/48"}
          placeholder="203.0.113.0/24"
          value={fields.cidr}
          required
          error={problem?.of("cidr")}
          onInput={(cidr) => change({ cidr })}
        />
        <TextArea
          label="Reason"
          hint="Shown to administrators."
          value={fields.reason}
          required
          error={problem?.of("reason")}
          onInput={(reason) => change({ reason })}
        />
        <EndField
          ends={ENDS}
          initial={EMPTY.end[0]}
          error={problem?.of("expires_in_ms")}
          onChange={(...end) => change({ end })}
        />
        <Notice>
          Everybody behind this network is refused, heartbeats included: they go offline.
        </Notice>
        <FormFoot submission={submission} verb="Block it" onClose={onClose} />
      </form>
    </Dialog>
  );
}

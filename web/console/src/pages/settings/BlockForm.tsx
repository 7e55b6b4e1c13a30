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

/** Asks which network to block, why and for how long. */
export function BlockForm({
  onMade,
  onClose,
}: {
  onMade: (made: Block) => void;
  onClose: () => void;
}) {
  const [cidr, setCidr] = useState("");
  const [reason, setReason] = useState("");
  const [end, setEnd] = useState<readonly [string, string]>(["7", ""]);
  const submission = useSubmission(async () => {
    const life = lifeOf(...end);
    const body = {
      cidr: cidr.trim(),
      reason: reason.trim(),
      ...(life && { expires_in_ms: life }),
    };
    onMade(await api<Block>("/api/admin/blocked-addresses/", { method: "POST", body }));
  });
  const { problem } = submission;
  const breadth = breadthWords(cidr);
  return (
    <Dialog title="Block a network" onClose={onClose}>
      <form class="stack" onSubmit={submission.submit}>
        <TextField
          label="Address or network"
          hint={breadth ?? "203.0.113.7, 203.0.113.0/24, 2001:db8::/48"}
          placeholder="203.0.113.0/24"
          value={cidr}
          required
          error={problem?.of("cidr")}
          onInput={setCidr}
        />
        <TextArea
          label="Reason"
          hint="Shown to administrators."
          value={reason}
          required
          error={problem?.of("reason")}
          onInput={setReason}
        />
        <EndField
          label="Ends"
          ends={ENDS}
          initial="7"
          error={problem?.of("expires_in_ms")}
          onChange={(choice, at) => setEnd([choice, at])}
        />
        <Notice>
          Everybody behind this network is refused, heartbeats included: they go offline.
        </Notice>
        <FormFoot submission={submission} verb="Block it" onClose={onClose} />
      </form>
    </Dialog>
  );
}

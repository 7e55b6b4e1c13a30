// The way to what somebody did unseen: only against a reason, which the service keeps.

import { useState } from "preact/hooks";
import { ConfirmAction, Icon } from "../../parts/index.js";
import { may } from "../../state/me.js";

export function Reveal({ why, onWhy }: { why: string; onWhy: (why: string) => void }) {
  const [isAsking, setAsking] = useState(false);
  if (!may("reveal_presence")) return null;
  return (
    <>
      <button
        type="button"
        class="button is-small"
        onClick={() => (why ? onWhy("") : setAsking(true))}
      >
        <Icon name="eye" size={15} /> {why ? "Hide the unseen" : "Show the unseen"}
      </button>
      {isAsking && (
        <ConfirmAction
          title="Show what was done unseen?"
          about="Somebody invisible wants to be taken for offline. You see the truth, and the audit log keeps that you looked, and why."
          verb="Show it"
          reason="required"
          onClose={() => setAsking(false)}
          onConfirm={async (reason) => onWhy(reason)}
        />
      )}
    </>
  );
}

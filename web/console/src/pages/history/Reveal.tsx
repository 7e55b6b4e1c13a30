// The invisible are shown against a reason only, which is recorded. So it is never in the address: a link that is opened
// again would reveal again.

import { useState } from "preact/hooks";
import { ConfirmAction, Icon, Notice } from "../../parts/index.js";
import { may } from "../../state/me.js";

/** A wish to see the invisible. */
export interface Reveal {
  /** The reason; empty: they stay unseen. */
  why: string;
  setWhy: (why: string) => void;
}

/** The wish of this page; it ends with it. */
export function useReveal(): Reveal {
  const [why, setWhy] = useState("");
  return { why, setWhy };
}

/** Asks for the reason. Nothing for those who may not. */
export function RevealButton({ reveal }: { reveal: Reveal }) {
  const [isAsking, setAsking] = useState(false);
  if (!may("reveal_presence") || reveal.why) return null;
  return (
    <>
      <button type="button" class="button" onClick={() => setAsking(true)}>
        <Icon name="eye" size={16} /> Show the invisible
      </button>
      {isAsking && (
        <ConfirmAction
          title="Show the invisible"
          about="What invisible people did is told, too. Each look is recorded in the audit log with your reason."
          verb="Show them"
          reason="required"
          onConfirm={async (why) => reveal.setWhy(why)}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}

/** Says that the invisible are shown, and hides them again. */
export function RevealNotice({ reveal }: { reveal: Reveal }) {
  if (!reveal.why) return null;
  return (
    <Notice tone="warn">
      The invisible are shown, and this is recorded: “{reveal.why}”.{" "}
      <button type="button" class="button is-quiet" onClick={() => reveal.setWhy("")}>
        Hide them
      </button>
    </Notice>
  );
}

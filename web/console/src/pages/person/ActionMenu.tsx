// The menu of what can be done to somebody, and the question before each of it.

import { useState } from "preact/hooks";
import type { Status } from "../../api/types.js";
import { ConfirmAction, Icon, Menu, Select, SuspensionEnd } from "../../parts/index.js";
import { may } from "../../state/me.js";
import { tell } from "../../state/toasts.js";
import { STATUS_WORDS } from "../../state/words.js";
import { ACTIONS, type Known, type PersonAction } from "./actions.js";

export function ActionMenu({
  known,
  name,
  onDone,
}: {
  known: Known;
  name: string;
  onDone: () => void;
}) {
  const [asked, setAsked] = useState<PersonAction | null>(null);
  const offered = ACTIONS.filter((action) => may(action.permission) && action.isOffered(known));
  if (offered.length === 0) return null;
  return (
    <>
      <Menu
        buttonClass="button is-primary"
        items={offered.map((action) => ({
          words: `${action.words}…`,
          isDangerous: action.isDangerous ?? false,
          onSelect: () => setAsked(action),
        }))}
      >
        Actions <Icon name="down" size={14} />
      </Menu>
      {asked && <Ask action={asked} onClose={() => setAsked(null)} {...{ known, name, onDone }} />}
    </>
  );
}

const STATUSES: readonly Status[] = ["offline", "online", "away", "busy", "invisible"];

const HOUR = 3_600_000;
const ENDS: readonly (readonly [string, string])[] = [
  ["", "Until somebody takes it back"],
  [String(HOUR), "For an hour"],
  [String(8 * HOUR), "For 8 hours"],
  [String(24 * HOUR), "For a day"],
  [String(7 * 24 * HOUR), "For a week"],
];

function Ask({
  action,
  known,
  name,
  onDone,
  onClose,
}: {
  action: PersonAction;
  known: Known;
  name: string;
  onDone: () => void;
  onClose: () => void;
}) {
  const [status, setStatus] = useState<Status>("offline");
  const [span, setSpan] = useState("");
  const [until, setUntil] = useState("");
  const more = {
    status: { status, ...(span && { expires_in_ms: Number(span) }) },
    end: { ...(until && { until }) },
    none: {},
  }[action.asks ?? "none"];
  return (
    <ConfirmAction
      title={`${action.words}: ${name}`}
      about={action.about}
      verb={action.words}
      isDangerous={action.isDangerous ?? false}
      reason="optional"
      onClose={onClose}
      onConfirm={async (reason) => {
        const answer = await action.run(known, { ...more, ...(reason && { reason }) });
        tell(
          answer.message,
          answer.in_effect === false
            ? "Presence does not answer, and follows when it is back."
            : undefined,
        );
        onDone();
      }}
    >
      {action.asks === "status" && (
        <>
          <Select
            label="Status"
            value={status}
            options={STATUSES.map((one) => [one, STATUS_WORDS[one]] as const)}
            onChange={(next) => setStatus(next as Status)}
          />
          <Select label="How long" value={span} options={ENDS} onChange={setSpan} />
        </>
      )}
      {action.asks === "end" && <SuspensionEnd value={until} onChange={setUntil} />}
    </ConfirmAction>
  );
}

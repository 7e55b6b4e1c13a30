// What can be done to everybody who is chosen. It floats above the end of the table, so that no row moves when it appears.

import { useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { Permission } from "../../api/types.js";
import { ConfirmAction, Dialog, Icon, Menu, PersonLink, SuspensionEnd } from "../../parts/index.js";
import { may } from "../../state/me.js";
import { tell } from "../../state/toasts.js";
import { plural } from "../../state/words.js";

interface Action {
  action: "approve" | "reject" | "suspend" | "ban" | "activate" | "force-logout" | "delete";
  words: string;
  done: string;
  about: string;
  permission: Permission;
  isDangerous?: boolean;
}

const ACTIONS: readonly Action[] = [
  {
    action: "approve",
    words: "Approve",
    done: "approved",
    about: "Accounts that wait are let in.",
    permission: "approve_user",
  },
  {
    action: "reject",
    words: "Reject",
    done: "rejected",
    about: "Accounts that wait are turned away; their names stay taken.",
    permission: "approve_user",
    isDangerous: true,
  },
  {
    action: "activate",
    words: "Activate",
    done: "activated",
    about: "Suspended, banned and switched-off accounts are let in again.",
    permission: "suspend_user",
  },
  {
    action: "force-logout",
    words: "Log out",
    done: "logged out",
    about: "All their logins end, with all sessions and tokens. They may sign in again.",
    permission: "force_logout_user",
  },
  {
    action: "suspend",
    words: "Suspend",
    done: "suspended",
    about: "They go offline at once and cannot come back before the end.",
    permission: "suspend_user",
    isDangerous: true,
  },
  {
    action: "ban",
    words: "Ban",
    done: "banned",
    about: "They go offline at once, their logins end, and they cannot come back.",
    permission: "suspend_user",
    isDangerous: true,
  },
  {
    action: "delete",
    words: "Move to the trash",
    done: "moved to the trash",
    about: "They go offline at once. The trash keeps them for 30 days.",
    permission: "delete_user",
    isDangerous: true,
  },
];

interface Result {
  id: number;
  ok: boolean;
  code: string | null;
  detail: string | null;
}

interface BulkAnswer {
  done: number;
  failed: number;
  results: Result[];
}

export function BulkBar({
  ids,
  onClear,
  onDone,
}: {
  ids: ReadonlySet<number>;
  onClear: () => void;
  onDone: () => void;
}) {
  const [asked, setAsked] = useState<Action | null>(null);
  const [failed, setFailed] = useState<readonly Result[]>([]);
  const allowed = ACTIONS.filter((action) => may(action.permission));
  if (ids.size === 0 && failed.length === 0) return null;
  return (
    <>
      {ids.size > 0 && (
        <section class="bulk" aria-label="Those who are chosen">
          <span class="strong" role="status">
            {plural(ids.size, "person", "people")} chosen
          </span>
          <Menu
            buttonClass="button is-primary is-small"
            items={allowed.map((action) => ({
              words: action.words,
              isDangerous: action.isDangerous ?? false,
              onSelect: () => setAsked(action),
            }))}
          >
            Do with them <Icon name="up" size={14} />
          </Menu>
          <button type="button" class="button is-small is-quiet" onClick={onClear}>
            Choose nobody
          </button>
        </section>
      )}
      {asked && (
        <AskBulk
          asked={asked}
          ids={[...ids]}
          onClose={() => setAsked(null)}
          onAnswer={(answer) => {
            if (answer.done > 0) tell(`${plural(answer.done, "person", "people")} ${asked.done}.`);
            setFailed(answer.results.filter((result) => !result.ok));
            onClear();
            onDone();
          }}
        />
      )}
      {failed.length > 0 && <Failures failed={failed} onClose={() => setFailed([])} />}
    </>
  );
}

function AskBulk({
  asked,
  ids,
  onClose,
  onAnswer,
}: {
  asked: Action;
  ids: number[];
  onClose: () => void;
  onAnswer: (answer: BulkAnswer) => void;
}) {
  const [until, setUntil] = useState("");
  return (
    <ConfirmAction
      title={`${asked.words}: ${plural(ids.length, "person", "people")}`}
      about={asked.about}
      verb={asked.words}
      isDangerous={asked.isDangerous ?? false}
      reason="optional"
      onClose={onClose}
      onConfirm={async (reason) => {
        const body = {
          action: asked.action,
          ids,
          ...(reason && { reason }),
          ...(until && { until }),
        };
        onAnswer(await api<BulkAnswer>("/api/users/admin/users/bulk/", { method: "POST", body }));
      }}
    >
      {asked.action === "suspend" && <SuspensionEnd value={until} onChange={setUntil} />}
    </ConfirmAction>
  );
}

function Failures({ failed, onClose }: { failed: readonly Result[]; onClose: () => void }) {
  return (
    <Dialog title={`Not done: ${plural(failed.length, "person", "people")}`} onClose={onClose}>
      <ul class="failures">
        {failed.map((result) => (
          <li key={result.id}>
            <PersonLink id={result.id} /> <span class="soft">{result.detail ?? result.code}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

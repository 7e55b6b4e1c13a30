// Where somebody is present now (sessions), and the logins by which they may be (each with its end).

import { useState } from "preact/hooks";
import { api, part } from "../../api/client.js";
import {
  Badge,
  type Column,
  ConfirmAction,
  DataTable,
  Empty,
  ErrorNotice,
  Loading,
  Section,
  Time,
} from "../../parts/index.js";
import { tell } from "../../state/toasts.js";
import type { Resource } from "../../state/useResource.js";
import type { LiveSession, Login } from "./types.js";

const SESSIONS: readonly Column<LiveSession>[] = [
  {
    key: "session",
    head: "Session",
    cell: (session) => <span class="mono">{session.id ?? "restored"}</span>,
  },
  {
    key: "where",
    head: "Where",
    cell: (session) => [session.device, session.transport].filter(Boolean).join(" · "),
    from: "tablet",
  },
  {
    key: "activity",
    head: "Activity",
    cell: (session) => (
      <Badge tone={session.activity === "active" ? "good" : "warn"}>{session.activity}</Badge>
    ),
  },
  { key: "since", head: "Since", cell: (session) => <Time at={session.since} />, from: "tablet" },
  { key: "sign", head: "Last sign", cell: (session) => <Time at={session.last_sign} /> },
  {
    key: "deadline",
    head: "Ends",
    cell: (session) => <Time at={session.deadline} />,
    from: "desktop",
  },
  { key: "node", head: "Node", cell: (session) => session.node ?? "–", from: "desktop" },
];

export function LiveSessions({ sessions }: { sessions: readonly LiveSession[] }) {
  return (
    <Section title="Sessions now" about="Each tab or app that shows itself" isFlush>
      {sessions.length === 0 ? (
        <Empty title="No session" />
      ) : (
        <DataTable
          caption="Sessions"
          columns={SESSIONS}
          rows={sessions}
          keyOf={(session) => session.id ?? "restored"}
        />
      )}
    </Section>
  );
}

export function Logins({
  user,
  logins,
  onEnded,
}: {
  user: string;
  logins: Resource<{ results: Login[] }>;
  onEnded: () => void;
}) {
  const [asked, setAsked] = useState<Login | null>(null);
  const columns = [...LOGINS, endColumn(setAsked)];
  return (
    <Section title="Logins" about="What was signed in and can still be used" isFlush>
      {logins.problem && <ErrorNotice problem={logins.problem} onRetry={logins.reload} />}
      {!logins.data && !logins.problem && <Loading label="Loading logins" lines={3} />}
      {logins.data?.results.length === 0 && <Empty title="No login" />}
      {logins.data && logins.data.results.length > 0 && (
        <DataTable
          caption="Logins"
          columns={columns}
          rows={logins.data.results}
          keyOf={(login) => login.id}
        />
      )}
      {asked && (
        <ConfirmAction
          title="End this login?"
          about={
            <>
              {asked.program ?? "The program"} opened it <Time at={asked.since} />. Its sessions and
              tokens end at once; other logins go on.
            </>
          }
          verb="End login"
          isDangerous
          onClose={() => setAsked(null)}
          onConfirm={async () => {
            const path = `/api/users/admin/users/${part(user)}/sessions/${part(asked.id)}/`;
            const answer = await api<{ message: string }>(path, { method: "DELETE" });
            tell(answer.message);
            onEnded();
          }}
        />
      )}
    </Section>
  );
}

const LOGINS: readonly Column<Login>[] = [
  {
    key: "program",
    head: "Program",
    cell: (login) => (
      <div class="two-lines">
        <span class="wraps">{login.program ?? "not told"}</span>
        <span class="faint small mono">{login.id}</span>
      </div>
    ),
  },
  {
    key: "present",
    head: "Present",
    cell: (login) =>
      login.present ? <Badge tone="good">present</Badge> : <span class="faint">no</span>,
  },
  {
    key: "where",
    head: "Where",
    cell: (login) => [login.device, login.address].filter(Boolean).join(" · ") || "–",
    from: "tablet",
  },
  { key: "since", head: "Opened", cell: (login) => <Time at={login.since} />, from: "tablet" },
  { key: "seen", head: "Last seen", cell: (login) => <Time at={login.last_seen} /> },
];

function endColumn(onEnd: (login: Login) => void): Column<Login> {
  return {
    key: "end",
    head: <span class="unseen">End</span>,
    isNumber: true,
    cell: (login) => (
      <button type="button" class="button is-small" onClick={() => onEnd(login)}>
        End<span class="unseen"> the login {login.id}</span>
      </button>
    ),
  };
}

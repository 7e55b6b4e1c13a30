// Keys of other services: what each may do, when it was last used, and taking it back.

import { useMemo, useState } from "preact/hooks";
import { api, part } from "../../api/client.js";
import type { CursorPage } from "../../api/types.js";
import {
  Badge,
  type Column,
  ConfirmAction,
  DataTable,
  Empty,
  ErrorNotice,
  Icon,
  Loading,
  PersonLink,
  Section,
  Time,
} from "../../parts/index.js";
import { serverNow } from "../../state/clock.js";
import { tell } from "../../state/toasts.js";
import { useResource } from "../../state/useResource.js";
import { KeyForm, type MadeKey } from "./KeyForm.js";
import { SecretDialog } from "./SecretDialog.js";
import type { ServiceKey } from "./shapes.js";

const PATH = "/api/admin/service-keys/";

type Asked =
  | { kind: "make" }
  | { kind: "shown"; key: MadeKey }
  | { kind: "revoke"; key: ServiceKey };

/** The list of keys. */
export function Keys() {
  const { data, problem, reload } = useResource(
    (signal) => api<CursorPage<ServiceKey>>(PATH, { signal }),
    [],
  );
  const [asked, setAsked] = useState<Asked | null>(null);
  const columns = useMemo(() => columnsOf((key) => setAsked({ kind: "revoke", key })), []);
  const make = (
    <button type="button" class="button is-primary" onClick={() => setAsked({ kind: "make" })}>
      <Icon name="plus" size={16} /> New key
    </button>
  );
  return (
    <>
      <Section
        title="Service keys"
        about="With a key another service speaks for itself, without a login."
        actions={make}
        isFlush
      >
        {problem && <ErrorNotice problem={problem} onRetry={reload} />}
        {!data && !problem && <Loading label="Reading the keys" />}
        {data?.results.length === 0 && (
          <Empty title="No key yet">
            Make one for each service that asks or tells who is active.
          </Empty>
        )}
        {data && data.results.length > 0 && (
          <DataTable
            caption="Service keys"
            columns={columns}
            rows={data.results}
            keyOf={(key) => key.id}
            rowClass={(key) => (isOver(key) ? "is-over" : undefined)}
          />
        )}
      </Section>
      {asked && <KeyDialogs asked={asked} setAsked={setAsked} reload={reload} />}
    </>
  );
}

function KeyDialogs({
  asked,
  setAsked,
  reload,
}: {
  asked: Asked;
  setAsked: (asked: Asked | null) => void;
  reload: () => void;
}) {
  const close = () => setAsked(null);
  if (asked.kind === "make") {
    const made = (key: MadeKey) => {
      setAsked({ kind: "shown", key });
      reload();
    };
    return <KeyForm onMade={made} onClose={close} />;
  }
  if (asked.kind === "shown") {
    return (
      <SecretDialog
        title={`The key “${asked.key.name}”`}
        secret={asked.key.key}
        about="The service sends it as Authorization: Bearer …"
        onClose={close}
      />
    );
  }
  const { key } = asked;
  const revoke = async () => {
    await api(`${PATH}${part(key.id)}/`, { method: "DELETE" });
    tell(`The key “${key.name}” is revoked.`);
    reload();
  };
  return (
    <ConfirmAction
      title={`Revoke “${key.name}”?`}
      about="Whoever uses it is refused within five seconds. It cannot be undone: a new key has another secret."
      verb="Revoke"
      isDangerous
      onConfirm={revoke}
      onClose={close}
    />
  );
}

function isOver(key: ServiceKey): boolean {
  return key.revoked_at !== null || hasEnded(key);
}

function hasEnded(key: ServiceKey): boolean {
  return key.expires_at !== null && Date.parse(key.expires_at) <= serverNow();
}

function Standing({ of: key }: { of: ServiceKey }) {
  if (key.revoked_at) return <Badge>revoked</Badge>;
  if (hasEnded(key)) return <Badge tone="warn">ended</Badge>;
  return <Badge tone="good">good</Badge>;
}

const FACTS: readonly Column<ServiceKey>[] = [
  {
    key: "name",
    head: "Name",
    cell: (key) => (
      <>
        <b class="row-name">{key.name}</b> <Standing of={key} />
        <div class="faint small">
          <code>{key.id}</code>
        </div>
      </>
    ),
  },
  {
    key: "scopes",
    head: "May",
    from: "tablet",
    cell: (key) => (
      <span class="badges">
        {key.scopes.map((scope) => (
          <Badge key={scope}>{scope}</Badge>
        ))}
      </span>
    ),
  },
  { key: "org", head: "Organisation", from: "desktop", cell: (key) => key.org ?? "all" },
  {
    key: "used",
    head: "Last used",
    cell: (key) => <Time at={key.last_used_at} none="never" />,
  },
  {
    key: "ends",
    head: "Ends",
    from: "tablet",
    cell: (key) => <Time at={key.revoked_at ?? key.expires_at} none="never" />,
  },
  {
    key: "made",
    head: "Made",
    from: "desktop",
    cell: (key) => (
      <>
        <Time at={key.created_at} />
        {key.created_by && (
          <>
            {" by "}
            <PersonLink id={key.created_by} />
          </>
        )}
      </>
    ),
  },
];

/** The facts, and what can be done. */
function columnsOf(revoke: (key: ServiceKey) => void): readonly Column<ServiceKey>[] {
  return [
    ...FACTS,
    {
      key: "do",
      head: <span class="unseen">Actions</span>,
      isNumber: true,
      cell: (key) =>
        !isOver(key) && (
          <button
            type="button"
            class="button is-small"
            aria-label={`Revoke ${key.name}`}
            onClick={() => revoke(key)}
          >
            Revoke
          </button>
        ),
    },
  ];
}

// How the service itself is: its nodes, the two stores, and what has not reached the history yet.

import { api } from "../../api/client.js";
import type { Moment } from "../../api/types.js";
import {
  Badge,
  type Column,
  DataTable,
  Empty,
  ErrorNotice,
  Facts,
  Loading,
  Section,
  Time,
  type Tone,
} from "../../parts/index.js";
import { useResource } from "../../state/useResource.js";
import { countWords, sizeWords, spanWords } from "../../state/words.js";
import { Meter } from "./Meter.js";

interface Node {
  name: string;
  version: string | null;
  started_at: Moment | null;
  seen_at: Moment;
  shards: number;
  sockets: number | null;
}

interface ServiceHealth {
  status: "ok" | "degraded" | "unavailable";
  checks: Record<string, string>;
  nodes: Node[];
  redis: {
    memory_bytes: number;
    memory_limit_bytes: number;
    clients: number;
    replicas: number;
    is_kept: boolean;
  } | null;
  postgres: { pool_in_use: number; pool_limit: number };
  outbox: { entries: number; oldest_ms: number } | null;
}

const EVERY = 5000;

const TONES: Record<string, Tone> = { ok: "good", degraded: "warn" };
const STATUS_WORDS: Record<string, string> = {
  ok: "All is well",
  degraded: "Degraded",
  unavailable: "Unavailable",
};

const NODES: readonly Column<Node>[] = [
  { key: "name", head: "Node", cell: (node) => <span class="strong">{node.name}</span> },
  { key: "version", head: "Version", cell: (node) => node.version ?? "–", from: "tablet" },
  { key: "shards", head: "Shards", isNumber: true, cell: (node) => countWords(node.shards) },
  {
    key: "sockets",
    head: "Sockets",
    isNumber: true,
    cell: (node) => (node.sockets === null ? "–" : countWords(node.sockets)),
  },
  {
    key: "started",
    head: "Started",
    cell: (node) => <Time at={node.started_at} />,
    from: "tablet",
  },
  { key: "seen", head: "Seen", cell: (node) => <Time at={node.seen_at} /> },
];

export function Health() {
  const { data, problem, reload } = useResource(
    (signal) => api<ServiceHealth>("/api/admin/health/", { signal }),
    [],
    { every: EVERY },
  );
  return (
    <Section
      title="Service"
      isFlush
      actions={
        problem ? (
          <Badge tone="bad">Not known</Badge>
        ) : (
          data && (
            <Badge tone={TONES[data.status] ?? "bad"}>
              {STATUS_WORDS[data.status] ?? data.status}
            </Badge>
          )
        )
      }
    >
      {data ? <Told health={data} /> : !problem && <Loading label="Loading the service's health" />}
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
    </Section>
  );
}

function Told({ health }: { health: ServiceHealth }) {
  const { redis, postgres, outbox, checks, nodes } = health;
  return (
    <>
      {nodes.length === 0 ? (
        <Empty title="No node tells of itself" />
      ) : (
        <DataTable caption="Nodes" columns={NODES} rows={nodes} keyOf={(node) => node.name} />
      )}
      <div class="health-stores">
        <div>
          <h3>
            Redis <Check said={checks.redis} />
          </h3>
          {redis ? (
            <>
              <Meter
                label="Memory of Redis"
                value={redis.memory_bytes}
                limit={redis.memory_limit_bytes}
                words={sizeWords}
              />
              <Facts
                facts={[
                  ["Clients", countWords(redis.clients)],
                  ["Replicas", countWords(redis.replicas)],
                  [
                    "Kept on disk",
                    redis.is_kept ? "yes" : <Badge tone="bad">the last write failed</Badge>,
                  ],
                ]}
              />
            </>
          ) : (
            <p class="faint">It does not answer.</p>
          )}
        </div>
        <div>
          <h3>
            Postgres <Check said={checks.postgres} />
          </h3>
          <Meter
            label="Connections of this node"
            value={postgres.pool_in_use}
            limit={postgres.pool_limit}
            words={countWords}
          />
          <Facts
            facts={[
              ["Waiting for the history", outbox ? countWords(outbox.entries) : "not known"],
              ["The oldest for", outbox ? spanWords(Math.max(0, outbox.oldest_ms)) : "not known"],
              ...Object.entries(checks)
                .filter(([name]) => name !== "redis" && name !== "postgres")
                .map(
                  ([name, said]) =>
                    [name.replaceAll("_", " "), <Check key={name} said={said} />] as const,
                ),
            ]}
          />
        </div>
      </div>
    </>
  );
}

function Check({ said }: { said: string | undefined }) {
  if (said === undefined) return null;
  return <Badge tone={said === "ok" ? "good" : "bad"}>{said}</Badge>;
}

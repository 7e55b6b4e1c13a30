// What happened, newest first.

import { useState } from "preact/hooks";
import {
  Badge,
  type Column,
  DataTable,
  Empty,
  Section,
  StatusDot,
  Time,
} from "../../parts/index.js";
import { reasonWords, spanWords } from "../../state/words.js";
import type { Entry } from "./types.js";

const STEP = 50;

const COLUMNS: readonly Column<Entry>[] = [
  {
    key: "when",
    head: "When",
    cell: (entry) => (
      <span title={entry.uncertainty_ms > 0 ? `± ${spanWords(entry.uncertainty_ms)}` : undefined}>
        <Time at={entry.occurred_at} isAbsolute />
      </span>
    ),
  },
  {
    key: "what",
    head: "Change",
    cell: (entry) =>
      entry.kind === "transition" ? (
        <span class="change">
          <StatusDot status={entry.from_status} isBare /> → <StatusDot status={entry.to_status} />
        </span>
      ) : (
        <Badge>{entry.kind === "claim" ? "wish changed" : "wish changed unseen"}</Badge>
      ),
  },
  {
    key: "why",
    head: "Why",
    cell: (entry) => <span class="soft">{reasonWords(entry.reason)}</span>,
  },
  { key: "device", head: "Device", cell: (entry) => entry.device ?? "–", from: "tablet" },
  {
    key: "session",
    head: "Session",
    cell: (entry) => <span class="mono small faint">{entry.session_id ?? "–"}</span>,
    from: "desktop",
  },
];

export function Entries({ entries }: { entries: readonly Entry[] }) {
  const [shown, setShown] = useState(STEP);
  return (
    <Section title="History" isFlush>
      {entries.length === 0 ? (
        <Empty title="Nothing happened in this time" />
      ) : (
        <DataTable
          caption="Changes of status, newest first"
          columns={COLUMNS}
          rows={entries.slice(0, shown)}
          keyOf={(entry) => `${entry.shard} ${entry.epoch} ${entry.n}`}
        >
          {entries.length > shown && (
            <div class="more">
              <button type="button" class="button" onClick={() => setShown(shown + 4 * STEP)}>
                Show more
              </button>
            </div>
          )}
        </DataTable>
      )}
    </Section>
  );
}

// What became of a webhook's deliveries, and sending dead letters again.

import { useMemo } from "preact/hooks";
import { api, part } from "../../api/client.js";
import type { CursorPage } from "../../api/types.js";
import {
  Badge,
  type Column,
  DataTable,
  Empty,
  ErrorNotice,
  Icon,
  Loading,
  MoreRows,
  Section,
  Select,
  Time,
  type Tone,
} from "../../parts/index.js";
import { tell, tellProblem } from "../../state/toasts.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { useFilters } from "../../state/useFilters.js";
import { When } from "../history/When.js";
import type { Delivery } from "./shapes.js";

const DEFAULTS = { deliveries: "" };

const TONES: Record<Delivery["state"], Tone> = {
  pending: "accent",
  delivered: "good",
  dead: "bad",
};

/** The list of deliveries of the webhook at `path`. */
export function Deliveries({ path }: { path: string }) {
  const { values, set } = useFilters(DEFAULTS);
  const state = values.deliveries;
  const list = useCursorList<Delivery>(
    (cursor, signal) =>
      api<CursorPage<Delivery>>(`${path}deliveries/`, { query: { state, cursor }, signal }),
    [path, state],
  );
  const { reload } = list;
  const columns = useMemo(() => {
    const redeliver = async (delivery: Delivery) => {
      try {
        await api(`${path}deliveries/${part(delivery.id)}/redeliver/`, { method: "POST" });
        tell("It is sent again, after what waits.");
        reload();
      } catch (error) {
        tellProblem("It is not sent again", error);
      }
    };
    return columnsOf(redeliver);
  }, [path, reload]);
  const actions = (
    <>
      <Select
        label="Which deliveries"
        hasHiddenLabel
        value={state}
        options={[
          ["", "All"],
          ["pending", "Waiting"],
          ["delivered", "Taken (a day)"],
          ["dead", "Dead letters (30 days)"],
        ]}
        onChange={(deliveries) => set({ deliveries })}
      />
      <button type="button" class="button" onClick={reload}>
        <Icon name="retry" size={16} /> Refresh
      </button>
    </>
  );
  return (
    <Section title="Deliveries" about="Newest first." isFlush actions={actions}>
      <Rows list={list} columns={columns} />
    </Section>
  );
}

function Rows({
  list,
  columns,
}: {
  list: CursorList<Delivery>;
  columns: readonly Column<Delivery>[];
}) {
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Reading the deliveries" />;
    return <Empty title="No deliveries" />;
  }
  return (
    <DataTable
      caption="Deliveries, newest first"
      columns={columns}
      rows={list.items}
      keyOf={(delivery) => delivery.id}
      isBusy={list.isLoading}
    >
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </DataTable>
  );
}

const FACTS: readonly Column<Delivery>[] = [
  {
    key: "state",
    head: "State",
    cell: (delivery) => <Badge tone={TONES[delivery.state]}>{delivery.state}</Badge>,
  },
  { key: "made", head: "Made", cell: (delivery) => <When at={delivery.created_at} /> },
  { key: "events", head: "Events", isNumber: true, cell: (delivery) => delivery.events },
  {
    key: "attempts",
    head: "Attempts",
    isNumber: true,
    from: "tablet",
    cell: (delivery) => delivery.attempts,
  },
  {
    key: "last",
    head: "Last attempt",
    from: "tablet",
    cell: (delivery) => <Time at={delivery.last_attempt_at} none="none yet" />,
  },
  {
    key: "answer",
    head: "Answer",
    from: "tablet",
    cell: (delivery) => (
      <>
        {delivery.answer ?? "–"}
        {delivery.problem && <span class="faint small"> {delivery.problem}</span>}
      </>
    ),
  },
];

/** The facts, and what can be done. */
function columnsOf(redeliver: (delivery: Delivery) => void): readonly Column<Delivery>[] {
  return [
    ...FACTS,
    {
      key: "do",
      head: <span class="unseen">Actions</span>,
      isNumber: true,
      cell: (delivery) =>
        delivery.state === "dead" && (
          <button
            type="button"
            class="button is-small"
            aria-label={`Send again delivery ${delivery.id}`}
            onClick={() => redeliver(delivery)}
          >
            Send again
          </button>
        ),
    },
  ];
}

// Networks whose requests are refused: which, why, until when, and letting them in again.

import { useMemo, useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { CursorPage } from "../../api/types.js";
import {
  Badge,
  type Column,
  ConfirmAction,
  DataTable,
  Empty,
  ErrorNotice,
  FilterBar,
  Icon,
  Loading,
  MoreRows,
  PersonLink,
  Section,
  Select,
  Time,
} from "../../parts/index.js";
import { tell } from "../../state/toasts.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { useFilters } from "../../state/useFilters.js";
import { BlockForm } from "./BlockForm.js";
import type { Block } from "./shapes.js";

const PATH = "/api/admin/blocked-addresses/";
const DEFAULTS = { state: "in_force" };

type Asked = { kind: "make" } | { kind: "lift"; block: Block };

/** The list of blocks. */
export function Blocks() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const [asked, setAsked] = useState<Asked | null>(null);
  const list = useCursorList<Block>(
    (cursor, signal) =>
      api<CursorPage<Block>>(PATH, { query: { state: values.state, cursor }, signal }),
    [values.state],
  );
  const columns = useMemo(() => columnsOf((block) => setAsked({ kind: "lift", block })), []);
  return (
    <>
      <FilterBar filters={filters}>
        <Select
          label="Show"
          value={values.state}
          options={[
            ["in_force", "In force"],
            ["all", "All that are remembered"],
          ]}
          onChange={(state) => set({ state })}
        />
      </FilterBar>
      <Section
        title="Blocked networks"
        about="Their requests are refused, heartbeats included."
        isFlush
        actions={
          <button
            type="button"
            class="button is-primary"
            onClick={() => setAsked({ kind: "make" })}
          >
            <Icon name="plus" size={16} /> Block a network
          </button>
        }
      >
        <Rows list={list} columns={columns} />
      </Section>
      {asked && <BlockDialogs asked={asked} close={() => setAsked(null)} reload={list.reload} />}
    </>
  );
}

function Rows({ list, columns }: { list: CursorList<Block>; columns: readonly Column<Block>[] }) {
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Reading the blocks" />;
    return <Empty title="No network is blocked" />;
  }
  return (
    <DataTable
      caption="Blocked networks, newest first"
      columns={columns}
      rows={list.items}
      keyOf={(block) => block.id}
      isBusy={list.isLoading}
      rowClass={(block) => (block.in_force ? undefined : "is-over")}
    >
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </DataTable>
  );
}

function BlockDialogs({
  asked,
  close,
  reload,
}: {
  asked: Asked;
  close: () => void;
  reload: () => void;
}) {
  if (asked.kind === "make") {
    const made = (block: Block) => {
      tell(`${block.cidr} is blocked.`);
      close();
      reload();
    };
    return <BlockForm onMade={made} onClose={close} />;
  }
  const { block } = asked;
  const lift = async () => {
    await api(`${PATH}${block.id}/`, { method: "DELETE" });
    tell(`${block.cidr} is let in again.`);
    reload();
  };
  return (
    <ConfirmAction
      title={`Let ${block.cidr} in again?`}
      about={`It was blocked for this reason: ${block.reason}. What it did is forgotten, too.`}
      verb="Lift the block"
      onConfirm={lift}
      onClose={close}
    />
  );
}

function columnsOf(lift: (block: Block) => void): readonly Column<Block>[] {
  return [
    {
      key: "cidr",
      head: "Network",
      cell: (block) => (
        <span class="badges">
          <code class="row-name">{block.cidr}</code>
          {!block.in_force && <Badge>{block.lifted_at ? "lifted" : "ended"}</Badge>}
        </span>
      ),
    },
    { key: "reason", head: "Why", cell: (block) => block.reason },
    {
      key: "by",
      head: "By",
      from: "tablet",
      cell: (block) => (block.made_by ? <PersonLink id={block.made_by} /> : "the service"),
    },
    { key: "since", head: "Since", from: "tablet", cell: (block) => <Time at={block.since} /> },
    {
      key: "until",
      head: "Until",
      cell: (block) => <Time at={block.lifted_at ?? block.until} none="it is lifted" />,
    },
    {
      key: "do",
      head: <span class="unseen">Actions</span>,
      isNumber: true,
      cell: (block) =>
        block.in_force && (
          <button
            type="button"
            class="button is-small"
            aria-label={`Lift the block of ${block.cidr}`}
            onClick={() => lift(block)}
          >
            Lift
          </button>
        ),
    },
  ];
}

// Every change of status, newest first.

import { useCallback } from "preact/hooks";
import { api, type Query } from "../../api/client.js";
import type { CursorPage, Status, Transition } from "../../api/types.js";
import {
  type Column,
  DataTable,
  Download,
  Empty,
  ErrorNotice,
  FilterBar,
  Loading,
  MoreRows,
  PersonLink,
  Section,
  Select,
  StatusDot,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { type Filters, useFilters } from "../../state/useFilters.js";
import { REASONS, reasonWords, STATUS_WORDS, spanWords } from "../../state/words.js";
import { PersonField } from "./PersonField.js";
import { RevealButton, RevealNotice, useReveal } from "./Reveal.js";
import { OrgField, RefreshButton, SpanFields, type Spanned, useSpan } from "./SpanFields.js";
import { When } from "./When.js";

const PATH = "/api/presence/transitions/";
const DEFAULTS = {
  span: "24h",
  from: "",
  to: "",
  user: "",
  was: "",
  became: "",
  reason: "",
  org: "",
};

type Values = typeof DEFAULTS;

/** A transition with what only this table shows. */
type Row = Transition & { uncertainty_ms: number };

/** The filters as the service takes them. In the address `from` and `to` are the span's. */
function queryOf(values: Values, span: Spanned, why: string): Query {
  return {
    user: values.user,
    from: values.was,
    to: values.became,
    reason: values.reason,
    org: values.org,
    since: span.since,
    until: span.until,
    why,
  };
}

const COLUMNS: readonly Column<Row>[] = [
  {
    key: "at",
    head: "When",
    cell: (row) => (
      <>
        <When at={row.occurred_at} />
        {row.uncertainty_ms > 0 && (
          <span class="faint small" title="How far the time may be wrong">
            {" "}
            ± {spanWords(row.uncertainty_ms)}
          </span>
        )}
      </>
    ),
  },
  { key: "who", head: "Who", cell: (row) => <PersonLink id={row.user_id} /> },
  {
    key: "change",
    head: "Change",
    cell: (row) => (
      <span class="change">
        <StatusDot status={row.from_status} /> <span aria-hidden="true">→</span>
        <span class="unseen">to</span> <StatusDot status={row.to_status} />
      </span>
    ),
  },
  { key: "why", head: "Why", cell: (row) => reasonWords(row.reason) },
  { key: "device", head: "Device", from: "tablet", cell: (row) => row.device ?? "–" },
  { key: "org", head: "Organisation", from: "desktop", cell: (row) => row.org },
];

/** The list of changes with its filters. */
export function Changes() {
  const filters = useFilters<Values>(DEFAULTS);
  const span = useSpan(filters.values);
  const reveal = useReveal();
  const query = queryOf(filters.values, span, reveal.why);
  const list = useCursorList<Row>(
    (cursor, signal) => api<CursorPage<Row>>(PATH, { query: { ...query, cursor }, signal }),
    [JSON.stringify(query), span.asked],
  );
  const actions = (
    <>
      <RevealButton reveal={reveal} />
      <RefreshButton onClick={span.refresh} />
      {may("export_data") && <Download path={`${PATH}export/`} query={query} name="transitions" />}
    </>
  );
  return (
    <>
      <ChangeFilters filters={filters} span={span} isWhole={reveal.why !== ""} />
      <RevealNotice reveal={reveal} />
      <Section title="Changes of status" about="Newest first." actions={actions} isFlush>
        <Rows list={list} />
      </Section>
    </>
  );
}

const STATUSES = (Object.keys(STATUS_WORDS) as Status[]).map(
  (status) => [status, STATUS_WORDS[status]] as const,
);

function statusOptions(none: string, withInvisible: boolean) {
  const known = STATUSES.filter(([status]) => withInvisible || status !== "invisible");
  return [["", none] as const, ...known];
}

function ChangeFilters({
  filters,
  span,
  isWhole,
}: {
  filters: Filters<Values>;
  span: Spanned;
  /** The invisible are shown, and can be filtered for. */
  isWhole: boolean;
}) {
  const { values, set } = filters;
  const setUser = useCallback((user: string) => set({ user }), [set]);
  return (
    <FilterBar filters={filters}>
      <SpanFields filters={filters} span={span} />
      <PersonField label="Who" value={values.user} onChange={setUser} />
      <Select
        label="From"
        value={values.was}
        options={statusOptions("Any", isWhole)}
        onChange={(was) => set({ was })}
      />
      <Select
        label="To"
        value={values.became}
        options={statusOptions("Any", isWhole)}
        onChange={(became) => set({ became })}
      />
      <div class="filter-wide">
        <Select
          label="Why"
          value={values.reason}
          options={[["", "Any"], ...REASONS.map((one) => [one, reasonWords(one)] as const)]}
          onChange={(reason) => set({ reason })}
        />
      </div>
      <OrgField value={values.org} onChange={(org) => set({ org })} />
    </FilterBar>
  );
}

function Rows({ list }: { list: CursorList<Row> }) {
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Reading the changes" />;
    return <Empty title="Nothing changed">Look at a longer time, or clear a filter.</Empty>;
  }
  return (
    <DataTable
      caption="Changes of status, newest first"
      columns={COLUMNS}
      rows={list.items}
      keyOf={(row) => `${row.shard}.${row.epoch}.${row.n}`}
      isBusy={list.isLoading}
    >
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </DataTable>
  );
}

// How long each person was online in all, the longest first.

import { useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { CursorPage, Moment } from "../../api/types.js";
import {
  type Column,
  DataTable,
  Empty,
  ErrorNotice,
  FilterBar,
  Loading,
  MoreRows,
  PersonLink,
  SearchField,
  Section,
} from "../../parts/index.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { useFilters } from "../../state/useFilters.js";
import { countWords, spanWords } from "../../state/words.js";
import { type Asked, KeptSince } from "./KeptSince.js";
import { OrgField, RefreshButton, SpanFields, useSpan } from "./SpanFields.js";
import { When } from "./When.js";

const DEFAULTS = { span: "7d", from: "", to: "", org: "", search: "" };

interface Total {
  user_id: string | null;
  username: string | null;
  online_ms: number;
  /** How often they came. */
  spells: number;
  first_seen: Moment;
  last_seen: Moment;
}

interface Answer extends CursorPage<Total> {
  /** Later than asked if the history begins later. */
  from: Moment;
  to: Moment;
}

/** The columns; a bar shows each total beside the longest and the whole span. */
function columnsOf(most: number, whole: number): readonly Column<Total>[] {
  return [
    {
      key: "who",
      head: "Who",
      cell: (row) => <PersonLink id={row.user_id} {...(row.username && { name: row.username })} />,
    },
    {
      key: "online",
      head: "Online in all",
      cell: (row) => (
        <span class="total">
          <span class="total-words">{spanWords(row.online_ms)}</span>
          <meter class="total-bar" min={0} max={most} value={row.online_ms} aria-hidden="true" />
        </span>
      ),
    },
    {
      key: "share",
      head: "Of the time",
      isNumber: true,
      from: "tablet",
      cell: (row) => `${((row.online_ms / whole) * 100).toFixed(1)} %`,
    },
    { key: "spells", head: "Times", isNumber: true, cell: (row) => countWords(row.spells) },
    {
      key: "first",
      head: "First",
      from: "desktop",
      cell: (row) => <When at={row.first_seen} isRough />,
    },
    {
      key: "last",
      head: "Last",
      from: "desktop",
      cell: (row) => <When at={row.last_seen} isRough />,
    },
  ];
}

/** The list of totals. */
export function Totals() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const span = useSpan(values);
  const query = { from: span.since, to: span.until, org: values.org, search: values.search };
  const [answer, setAnswer] = useState<Answer & Asked>();
  const list = useCursorList<Total>(
    async (cursor, signal) => {
      const page = await api<Answer>("/api/presence/figures/totals/", {
        query: { ...query, cursor },
        signal,
      });
      setAnswer({ ...page, asked: span.from });
      return page;
    },
    [JSON.stringify(query), span.asked],
  );
  const whole = answer ? Date.parse(answer.to) - Date.parse(answer.from) : span.to - span.from;
  return (
    <>
      <FilterBar filters={filters}>
        <SearchField
          label="Search by name"
          value={values.search}
          onSearch={(search) => set({ search })}
        />
        <SpanFields filters={filters} span={span} />
        <OrgField value={values.org} onChange={(org) => set({ org })} />
      </FilterBar>
      <KeptSince answer={answer} />
      <Section
        title="Time online per person"
        about="Longest first."
        actions={<RefreshButton onClick={span.refresh} />}
        isFlush
      >
        <Rows list={list} whole={Math.max(1, whole)} />
      </Section>
    </>
  );
}

function Rows({ list, whole }: { list: CursorList<Total>; whole: number }) {
  const most = Math.max(1, ...list.items.slice(0, 1).map((row) => row.online_ms));
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Adding up" />;
    return (
      <Empty title="Nobody was online in this time">
        Look at a longer time, or clear a filter.
      </Empty>
    );
  }
  return (
    <DataTable
      caption="How long each person was online, the longest first"
      columns={columnsOf(most, whole)}
      rows={list.items}
      keyOf={(row) => row.user_id ?? `erased ${row.first_seen}`}
      isBusy={list.isLoading}
    >
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </DataTable>
  );
}

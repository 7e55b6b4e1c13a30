// The list of actions with its filters, newest first.

import { useCallback } from "preact/hooks";
import { api, type Query } from "../../api/client.js";
import type { CursorPage } from "../../api/types.js";
import {
  Download,
  Empty,
  ErrorNotice,
  FilterBar,
  Loading,
  MoreRows,
  SearchField,
  Section,
  Select,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { type Filters, useFilters } from "../../state/useFilters.js";
import { PersonField } from "../history/PersonField.js";
import { RestingField } from "../history/RestingField.js";
import { RefreshButton, SpanFields, type Spanned, useSpan } from "../history/SpanFields.js";
import { ActionTable } from "./ActionTable.js";
import { ACTIONS, type Action, actionWords } from "./shapes.js";

const PATH = "/api/admin/audit-logs/";
const DEFAULTS = {
  span: "7d",
  from: "",
  to: "",
  actor: "",
  action: "",
  target: "",
  severity: "",
  category: "",
  request_id: "",
  search: "",
};

const SEVERITIES = [
  ["", "Any"],
  ["info", "Info"],
  ["warning", "Warning"],
] as const;

const CATEGORIES = [
  ["", "Any"],
  ["user", "Users"],
  ["admin", "Administration"],
  ["security", "Security"],
] as const;

type Values = typeof DEFAULTS;

/** Who acts without an account. */
const NOBODIES = ["cli"];

function queryOf({ span: _, from: __, to: ___, ...values }: Values, span: Spanned): Query {
  return { ...values, since: span.since, until: span.until };
}

/** The list of actions. */
export function Actions() {
  const filters = useFilters<Values>(DEFAULTS);
  const span = useSpan(filters.values);
  const query = queryOf(filters.values, span);
  const list = useCursorList<Action>(
    (cursor, signal) => api<CursorPage<Action>>(PATH, { query: { ...query, cursor }, signal }),
    [JSON.stringify(query), span.asked],
  );
  const { set } = filters;
  const byRequest = useCallback((request_id: string) => set({ request_id }), [set]);
  const actions = (
    <>
      <RefreshButton onClick={span.refresh} />
      {may("export_data") && <Download path={`${PATH}export/`} query={query} name="audit-logs" />}
    </>
  );
  return (
    <>
      <ActionFilters filters={filters} span={span} />
      <Section title="Actions" about="Newest first." actions={actions} isFlush>
        <Rows list={list} byRequest={byRequest} />
      </Section>
    </>
  );
}

function ActionFilters({ filters, span }: { filters: Filters<Values>; span: Spanned }) {
  const { values, set } = filters;
  const setActor = useCallback((actor: string) => set({ actor }), [set]);
  const setTarget = useCallback((target: string) => set({ target }), [set]);
  return (
    <FilterBar filters={filters}>
      <SearchField
        label="Search the actions"
        value={values.search}
        onSearch={(search) => set({ search })}
      />
      <SpanFields filters={filters} span={span} />
      <div class="filter-wide">
        <Select
          label="What"
          value={values.action}
          options={[["", "Anything"], ...ACTIONS.map((one) => [one, actionWords(one)] as const)]}
          onChange={(action) => set({ action })}
        />
      </div>
      <PersonField label="By" value={values.actor} onChange={setActor} others={NOBODIES} />
      <PersonField label="To" value={values.target} onChange={setTarget} />
      <Select
        label="Severity"
        value={values.severity}
        options={SEVERITIES}
        onChange={(severity) => set({ severity })}
      />
      <Select
        label="Kind"
        value={values.category}
        options={CATEGORIES}
        onChange={(category) => set({ category })}
      />
      <RestingField
        label="Request"
        placeholder="Any"
        value={values.request_id}
        onChange={(request_id) => set({ request_id })}
      />
    </FilterBar>
  );
}

function Rows({
  list,
  byRequest,
}: {
  list: CursorList<Action>;
  byRequest: (request: string) => void;
}) {
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Reading the actions" />;
    return <Empty title="Nothing was done">Look at a longer time, or clear a filter.</Empty>;
  }
  return (
    <>
      <ActionTable actions={list.items} isBusy={list.isLoading} byRequest={byRequest} />
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </>
  );
}

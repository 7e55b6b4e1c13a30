// Approvals: people who wait to be let in. Whoever is decided on stays where they stood until the list is read again, so
// that nothing moves below a finger that is about to press.

import type { JSX } from "preact";
import { useCallback, useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { CursorPage, Person } from "../../api/types.js";
import {
  Badge,
  Empty,
  ErrorNotice,
  FilterBar,
  Icon,
  Loading,
  MoreRows,
  PageHead,
  SearchField,
  Section,
  Select,
} from "../../parts/index.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { plural } from "../../state/words.js";
import "./approvals.css";
import { DecisionDialog } from "./DecisionDialog.js";
import type { Decision } from "./decide.js";
import { useDecisions } from "./useDecisions.js";
import { Waiting } from "./Waiting.js";

const DEFAULTS = { search: "", sort: "oldest" };
/** How often the number of those who wait is read, in ms. */
const COUNT_EVERY = 15_000;

/** The page at /approvals. */
export default function Approvals(): JSX.Element {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const list = useCursorList<Person>(
    (cursor, signal) =>
      api<CursorPage<Person>>("/api/admin/pending-users/", {
        query: { ...values, per_page: 100, cursor },
        signal,
      }),
    [values.search, values.sort],
  );
  const count = useResource(
    (signal) => api<{ total: number }>("/api/admin/pending-users/stats/", { signal }),
    [],
    { every: COUNT_EVERY },
  );
  const total = count.data?.total;
  return (
    <>
      <PageHead
        title="Approvals"
        about={
          total === undefined ? "" : `${plural(total, "person waits", "people wait")} to be let in.`
        }
      />
      <FilterBar filters={filters}>
        <SearchField
          label="Search name or address"
          value={values.search}
          onSearch={(search) => set({ search })}
        />
        <Select
          label="Order"
          hasHiddenLabel
          value={values.sort}
          options={[
            ["oldest", "Longest wait first"],
            ["newest", "Newest first"],
            ["username", "By name"],
          ]}
          onChange={(sort) => set({ sort })}
        />
      </FilterBar>
      <Queue list={list} isSearch={values.search !== ""} counted={count.reload} />
    </>
  );
}

interface Asked {
  people: readonly Person[];
  decision: Decision;
}

function Queue({
  list,
  isSearch,
  counted,
}: {
  list: CursorList<Person>;
  isSearch: boolean;
  counted: () => void;
}) {
  const { chosen, setChosen, decided, carryOut, approve, forget } = useDecisions(counted);
  const [asked, setAsked] = useState<Asked | null>(null);
  const ask = useCallback(
    (people: readonly Person[], decision: Decision) => setAsked({ people, decision }),
    [],
  );
  const reload = () => {
    forget();
    list.reload();
    counted();
  };
  const picked = list.items.filter((person) => chosen.has(person.id));
  const isEmpty = list.items.length === 0;
  return (
    <>
      <Section
        title="Waiting"
        about={<KeysHint />}
        isFlush
        actions={<Actions picked={picked} ask={ask} reload={reload} decided={decided.size} />}
      >
        {isEmpty && <None list={list} isSearch={isSearch} />}
        {!isEmpty && (
          <Waiting
            people={list.items}
            isBusy={list.isLoading}
            {...{ chosen, setChosen, decided, approve }}
            reject={(person) => ask([person], "reject")}
          />
        )}
        {!isEmpty && list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
        <MoreRows list={list} />
      </Section>
      {asked && <DecisionDialog {...asked} carryOut={carryOut} onClose={() => setAsked(null)} />}
    </>
  );
}

function KeysHint() {
  return (
    <span class="keys-hint">In a row: A lets in, R turns away, Space chooses, arrows move.</span>
  );
}

function None({ list, isSearch }: { list: CursorList<Person>; isSearch: boolean }) {
  if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
  if (list.isLoading) return <Loading label="Reading who waits" />;
  if (isSearch) return <Empty title="Nobody who waits has this name" />;
  return (
    <Empty title="Nobody waits">
      New accounts wait here where <code>auth.registration</code> is <code>approval</code>.
    </Empty>
  );
}

function Actions({
  picked,
  ask,
  reload,
  decided,
}: {
  picked: readonly Person[];
  ask: (people: readonly Person[], decision: Decision) => void;
  reload: () => void;
  decided: number;
}) {
  const isNone = picked.length === 0;
  return (
    <>
      <span class="picked faint" role="status">
        {isNone ? "" : <Badge tone="accent">{picked.length} chosen</Badge>}
      </span>
      <button
        type="button"
        class="button is-primary"
        disabled={isNone}
        onClick={() => ask(picked, "approve")}
      >
        <Icon name="check" size={16} /> Let in
      </button>
      <button type="button" class="button" disabled={isNone} onClick={() => ask(picked, "reject")}>
        <Icon name="close" size={16} /> Turn away
      </button>
      <button type="button" class="button is-quiet" onClick={reload}>
        <Icon name="retry" size={16} /> {decided > 0 ? "Clear the decided" : "Refresh"}
      </button>
    </>
  );
}

// How much was done: per day, by what, by whom. Each row leads to its actions.

import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import { api } from "../../api/client.js";
import { BarChart } from "../../charts/index.js";
import { Empty, ErrorNotice, FilterBar, Loading, Section } from "../../parts/index.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { countWords, plural } from "../../state/words.js";
import { periodLabel, periodName } from "../history/periods.js";
import { RefreshButton, SpanFields, useSpan } from "../history/SpanFields.js";
import { daysOf } from "./days.js";
import { actionWords, type Stats } from "./shapes.js";

const DEFAULTS = { span: "30d", from: "", to: "" };

/** One row of a ranking. */
interface Rank {
  key: string;
  words: string;
  count: number;
  /** The filter that it stands for. */
  query: string;
}

/** The counts of a span. */
export function Counts() {
  const filters = useFilters(DEFAULTS);
  const span = useSpan(filters.values);
  const { data, problem, reload } = useResource(
    (signal) =>
      api<Stats>("/api/admin/audit-logs/stats/", {
        query: { since: span.since, until: span.until },
        signal,
      }),
    [span.since, span.until],
    { keeps: true },
  );
  const { values } = filters;
  const time = new URLSearchParams(
    Object.entries(values).filter(([name, value]) => value && !(name === "span" && value === "7d")),
  ).toString();
  return (
    <>
      <FilterBar filters={filters}>
        <SpanFields filters={filters} span={span} />
      </FilterBar>
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
      {!data && !problem && <Loading label="Counting" />}
      {data &&
        (data.total > 0 ? (
          <Told stats={data} time={time} refresh={span.refresh} />
        ) : (
          <Empty title="Nothing was done">
            <RefreshButton onClick={span.refresh} />
          </Empty>
        ))}
    </>
  );
}

function Told({ stats, time, refresh }: { stats: Stats; time: string; refresh: () => void }) {
  const bars = useMemo(() => {
    const days = daysOf(stats.by_day, Date.parse(stats.since), Date.parse(stats.until));
    return days.map(({ from, to, count, isPartial }) => ({
      label: periodLabel({ from, to }, "day", "calendar", "UTC"),
      name: periodName({ from, to }, "day", "calendar", "UTC"),
      value: count,
      isPartial,
    }));
  }, [stats]);
  const ranks = (list: readonly { name: string; count: number }[], field: string) =>
    list.map(({ name, count }) => ({ key: name, words: name, count, query: `${field}=${name}` }));
  return (
    <>
      <Section
        title={plural(stats.total, "action", "actions")}
        about="Per day of UTC."
        actions={<RefreshButton onClick={refresh} />}
      >
        <BarChart label="Actions per day" rowName="Day" unit="actions" bars={bars} />
      </Section>
      <div class="rankings">
        <Ranking
          title="By action"
          time={time}
          ranks={stats.by_action.map(({ name, count }) => ({
            key: name,
            words: actionWords(name),
            count,
            query: `action=${name}`,
          }))}
        />
        <Ranking
          title="By whom"
          about="The ten who acted most often."
          time={time}
          ranks={stats.by_actor.map(({ actor_id, actor, count }) => ({
            key: actor_id,
            words: actor,
            count,
            query: `actor=${encodeURIComponent(actor_id)}`,
          }))}
        />
        <Ranking title="By severity" time={time} ranks={ranks(stats.by_severity, "severity")} />
        <Ranking title="By kind" time={time} ranks={ranks(stats.by_category, "category")} />
      </div>
    </>
  );
}

function Ranking({
  title,
  about,
  ranks,
  time,
}: {
  title: string;
  about?: string;
  ranks: readonly Rank[];
  /** The span, as the list's address takes it. */
  time: string;
}) {
  const most = Math.max(1, ...ranks.map((rank) => rank.count));
  return (
    <Section title={title} {...(about && { about })}>
      <ol class="ranking">
        {ranks.map((rank) => (
          <li key={rank.key}>
            <Link href={`/audit?${[rank.query, time].filter(Boolean).join("&")}`}>
              {rank.words}
            </Link>
            <span class="ranking-count">{countWords(rank.count)}</span>
            <span
              class="ranking-bar"
              aria-hidden="true"
              style={{ width: `${(rank.count / most) * 100}%` }}
            />
          </li>
        ))}
      </ol>
    </Section>
  );
}

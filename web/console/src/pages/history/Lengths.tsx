// How long people stay: the distribution of lengths, and what it says.

import { useMemo } from "preact/hooks";
import { api } from "../../api/client.js";
import { BarChart } from "../../charts/index.js";
import {
  Empty,
  ErrorNotice,
  Figure,
  Figures,
  FilterBar,
  Loading,
  Section,
} from "../../parts/index.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { countWords } from "../../state/words.js";
import {
  type Lengths as Answer,
  bucketLabel,
  filledBuckets,
  lengthsSummary,
  lengthWords,
} from "./buckets.js";
import { KeptSince } from "./KeptSince.js";
import { OrgField, RefreshButton, SpanFields, useSpan } from "./SpanFields.js";

const PATH = "/api/presence/figures/sessions/";
const DEFAULTS = { span: "7d", from: "", to: "", org: "" };

/** The histogram of lengths. */
export function Lengths() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const span = useSpan(values);
  const query = { from: span.since, to: span.until, org: values.org };
  const { data, problem, reload } = useResource(
    async (signal) => ({ ...(await api<Answer>(PATH, { query, signal })), asked: span.from }),
    [JSON.stringify(query), span.asked],
    { keeps: true },
  );
  return (
    <>
      <FilterBar filters={filters}>
        <SpanFields filters={filters} span={span} />
        <OrgField value={values.org} onChange={(org) => set({ org })} />
      </FilterBar>
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
      {!data && !problem && <Loading label="Counting" />}
      <KeptSince answer={data} />
      {data && <Distribution answer={data} refresh={span.refresh} />}
    </>
  );
}

function Distribution({ answer, refresh }: { answer: Answer; refresh: () => void }) {
  const bars = useMemo(
    () =>
      filledBuckets(answer.buckets).map((bucket) => {
        const label = bucketLabel(bucket);
        return { label, name: label, value: bucket.count };
      }),
    [answer.buckets],
  );
  if (bars.length === 0) {
    return (
      <Empty title="Nobody left in this time">
        <RefreshButton onClick={refresh} />
      </Empty>
    );
  }
  const said = (ms: number | null) => (ms === null ? "–" : lengthWords(ms));
  return (
    <>
      <div class="tight">
        <Figures>
          <Figure label="Sessions" value={countWords(answer.count)} />
          <Figure label="Half stay up to" value={said(answer.median_ms)} />
          <Figure label="90 % up to" value={said(answer.p90_ms)} />
          <Figure label="99 % up to" value={said(answer.p99_ms)} />
          <Figure label="On average" value={said(answer.mean_ms)} />
          <Figure label="Longest" value={said(answer.longest_ms)} />
        </Figures>
      </div>
      <Section
        title="How long people stay"
        about="From coming online to going offline, of all sessions that ended in this time."
        actions={<RefreshButton onClick={refresh} />}
      >
        <BarChart
          label="Sessions by length"
          rowName="Length"
          unit="sessions"
          bars={bars}
          summary={lengthsSummary(answer)}
          showSummary
          height={280}
        />
      </Section>
    </>
  );
}

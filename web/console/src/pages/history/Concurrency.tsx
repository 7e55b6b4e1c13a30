// How many people were online over time: average, highest and lowest of each step, and the peak of all.

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { api } from "../../api/client.js";
import type { Moment } from "../../api/types.js";
import { momentLabel, TimeChart, type TimeSeries } from "../../charts/index.js";
import {
  Download,
  Empty,
  ErrorNotice,
  Figure,
  Figures,
  FilterBar,
  Loading,
  Section,
  Select,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { countWords } from "../../state/words.js";
import { KeptSince } from "./KeptSince.js";
import { closed, type Point } from "./points.js";
import { OrgField, RefreshButton, SpanFields, useSpan, ZoneField } from "./SpanFields.js";
import { customSpan, STEP_WORDS, stepsFor, stepWords } from "./span.js";
import { knownZone } from "./zone.js";

const PATH = "/api/presence/figures/concurrency/";
const DEFAULTS = { span: "7d", from: "", to: "", step: "", org: "", zone: "" };

interface Answer {
  /** Later than asked if the history begins later. */
  from: Moment;
  to: Moment;
  step_ms: number;
  time_zone: string;
  /** Of nobody where nobody was online. */
  peak: { users: number; at: Moment };
  average: number;
  points: Point[];
}

/** The chart of people online. */
export function Concurrency() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const span = useSpan(values);
  const zone = knownZone(values.zone);
  const steps = stepsFor(span);
  const step = steps.includes(values.step) ? values.step : "";
  const query = { from: span.since, to: span.until, step, time_zone: zone, org: values.org };
  const { data, problem, reload } = useResource(
    async (signal) => ({ ...(await api<Answer>(PATH, { query, signal })), asked: span.from }),
    [JSON.stringify(query), span.asked],
    { keeps: true },
  );
  const actions = (
    <>
      <RefreshButton onClick={span.refresh} />
      {may("export_data") && (
        <Download
          path={`${PATH}export/`}
          query={query}
          name="concurrency"
          formats={["csv", "ndjson"]}
        />
      )}
    </>
  );
  const select = (from: number, to: number) => set(customSpan(from, to));
  return (
    <>
      <FilterBar filters={filters}>
        <SpanFields filters={filters} span={span} />
        <Select
          label="Resolution"
          value={step}
          options={[["", "Fitting"], ...steps.map((one) => [one, STEP_WORDS[one] ?? one] as const)]}
          onChange={(chosen) => set({ step: chosen })}
        />
        <ZoneField value={zone} onChange={(chosen) => set({ zone: chosen })} />
        <OrgField value={values.org} onChange={(org) => set({ org })} />
      </FilterBar>
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
      {!data && !problem && <Loading label="Counting" />}
      <KeptSince answer={data} />
      {data && <Drawn answer={data} actions={actions} refresh={span.refresh} onSelect={select} />}
    </>
  );
}

function Drawn({
  answer,
  actions,
  refresh,
  onSelect,
}: {
  answer: Answer;
  actions: ComponentChildren;
  refresh: () => void;
  onSelect: (from: number, to: number) => void;
}) {
  const { peak, to, time_zone: zone } = answer;
  const points = useMemo(() => closed(answer.points, to), [answer.points, to]);
  const times = useMemo(() => points.map((point) => Date.parse(point.at)), [points]);
  const series = useMemo(() => seriesOf(points), [points]);
  const top = useMemo(() => ({ at: Date.parse(peak.at), value: peak.users }), [peak]);
  if (peak.users === 0) return <Nobody refresh={refresh} />;
  return (
    <>
      <div class="tight">
        <Figures>
          <Figure
            label="Peak"
            value={countWords(peak.users)}
            more={<time dateTime={peak.at}>{momentLabel(Date.parse(peak.at), zone)}</time>}
          />
          <Figure label="On average" value={averageWords(answer.average)} />
          <Figure label="In the last step" value={averageWords(points.at(-1)?.average ?? 0)} />
        </Figures>
      </div>
      <Section title="People online" about="Drag over the chart to look closer." actions={actions}>
        <TimeChart
          label={`Average, lowest and highest per ${stepWords(answer.step_ms)}`}
          times={times}
          series={series}
          peak={top}
          timeZone={zone}
          height={300}
          onSelect={onSelect}
        />
      </Section>
    </>
  );
}

function Nobody({ refresh }: { refresh: () => void }) {
  return (
    <Empty title="Nobody was online in this time">
      <p>Look at a longer time.</p>
      <RefreshButton onClick={refresh} />
    </Empty>
  );
}

function averageWords(average: number): string {
  return countWords(Math.round(average * 10) / 10);
}

function seriesOf(points: readonly Point[]): TimeSeries[] {
  return [
    {
      label: "People online",
      color: "var(--chart-1)",
      values: points.map((point) => point.average),
      range: { low: points.map((point) => point.min), high: points.map((point) => point.max) },
    },
  ];
}

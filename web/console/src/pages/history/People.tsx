// How many different people came, per day, week or month.

import { useMemo } from "preact/hooks";
import { api } from "../../api/client.js";
import type { Moment } from "../../api/types.js";
import { type Bar, BarChart } from "../../charts/index.js";
import { Empty, ErrorNotice, FilterBar, Loading, Section, Select } from "../../parts/index.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { isCut, periodLabel, periodName } from "./periods.js";
import { OrgField, RefreshButton, SpanFields, useSpan, ZoneField } from "./SpanFields.js";
import { knownZone, type Period, startOf } from "./zone.js";

const DEFAULTS = {
  span: "30d",
  from: "",
  to: "",
  period: "day",
  kind: "calendar",
  org: "",
  zone: "",
};

const PERIODS = [
  ["day", "Day"],
  ["week", "Week"],
  ["month", "Month"],
] as const;

const KINDS = [
  ["calendar", "Of the calendar"],
  ["rolling", "Rolling, ending each day"],
] as const;

const TITLES: Record<string, string> = {
  "calendar day": "Different people of each day",
  "calendar week": "Different people of each week",
  "calendar month": "Different people of each month",
  "rolling day": "Different people of each day",
  "rolling week": "Different people of the 7 days that end each day",
  "rolling month": "Different people of the 30 days that end each day",
};

type Kind = "calendar" | "rolling";

interface Counted {
  from: Moment;
  to: Moment;
  people: number;
}

/** With what was asked for: it is shown until the next one is there. */
interface Answer {
  period: Period;
  kind: Kind;
  time_zone: string;
  results: Counted[];
}

/** The chart of people per period. */
export function People() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const span = useSpan(values);
  const zone = knownZone(values.zone);
  const period = PERIODS.some(([one]) => one === values.period) ? (values.period as Period) : "day";
  const kind = values.kind === "rolling" ? "rolling" : "calendar";
  // The first period is a whole one, so that it can be compared with the others.
  const begin = startOf(kind === "rolling" ? "day" : period, span.from, zone);
  const from = new Date(begin).toISOString();
  const query = { from, to: span.until, period, kind, time_zone: zone, org: values.org };
  const { data, problem, reload } = useResource(
    (signal) => api<Answer>("/api/presence/figures/people/", { query, signal }),
    [JSON.stringify(query), span.asked],
    { keeps: true },
  );
  return (
    <>
      <FilterBar filters={filters}>
        <SpanFields filters={filters} span={span} />
        <Select
          label="Per"
          value={period}
          options={PERIODS}
          onChange={(chosen) => set({ period: chosen })}
        />
        <Select
          label="Kind"
          value={kind}
          options={KINDS}
          onChange={(chosen) => set({ kind: chosen })}
        />
        <ZoneField value={zone} onChange={(chosen) => set({ zone: chosen })} />
        <OrgField value={values.org} onChange={(org) => set({ org })} />
      </FilterBar>
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
      {!data && !problem && <Loading label="Counting" />}
      {data && <Counts answer={data} refresh={span.refresh} />}
    </>
  );
}

function Counts({ answer, refresh }: { answer: Answer; refresh: () => void }) {
  const { results, period, kind, time_zone: zone } = answer;
  const bars = useMemo(
    () =>
      results.map((one): Bar => {
        const span = { from: Date.parse(one.from), to: Date.parse(one.to) };
        return {
          label: periodLabel(span, period, kind, zone),
          name: periodName(span, period, kind, zone),
          value: one.people,
          isPartial: isCut(span, period, kind, zone),
        };
      }),
    [results, period, kind, zone],
  );
  if (!bars.some((bar) => bar.value > 0)) {
    return (
      <Empty title="Nobody came in this time">
        <p>Look at a longer time.</p>
        <RefreshButton onClick={refresh} />
      </Empty>
    );
  }
  return (
    <Section
      title={TITLES[`${kind} ${period}`] ?? "Different people"}
      about="Whoever comes twice counts once. Pale bars are cut off or not over yet."
      actions={<RefreshButton onClick={refresh} />}
    >
      <BarChart
        label={`People, ${zone}`}
        rowName="Time"
        unit="people"
        bars={bars}
        height={300}
        showSummary
      />
    </Section>
  );
}

// Who is present at this moment, who comes and goes, and how the service is.

import { useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import {
  Badge,
  Figure,
  Figures,
  FilterBar,
  Lazy,
  PageHead,
  Select,
  StatusDot,
  TextField,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { useFilters } from "../../state/useFilters.js";
import { countWords } from "../../state/words.js";
import { Feed } from "./Feed.js";
import { type Flow, startFlow } from "./flow.js";
import { Health } from "./Health.js";
import "./now.css";

// Figures and changes do not wait for the chart.
const loadChart = () => import("./LiveChart.js");

const DEFAULTS = { org: "", into: "" };

const INTO: readonly (readonly [string, string])[] = [
  ["", "All changes"],
  ["online", "To online"],
  ["away", "To away"],
  ["busy", "To busy"],
  ["offline", "To offline"],
];

export default function Now() {
  const filters = useFilters(DEFAULTS);
  const flow = useFlow(filters.values.org);
  return (
    <>
      <PageHead title="Now" about={flow && <Connection flow={flow} />}>
        <FilterBar filters={filters}>
          <TextField
            label="Organisation"
            hasHiddenLabel
            placeholder="All organisations"
            maxLength={64}
            pattern="[A-Za-z0-9_.\-]*"
            value={filters.values.org}
            onInput={(org) => filters.set({ org: org.replace(/[^\w.-]/g, "") })}
          />
          <Select
            label="Changes"
            hasHiddenLabel
            value={filters.values.into}
            options={INTO}
            onChange={(into) => filters.set({ into })}
          />
        </FilterBar>
      </PageHead>
      {flow && (
        <>
          <Numbers flow={flow} />
          <div class="now">
            <div class="now-main">
              <div class="now-chart">
                <Lazy load={loadChart} label="the chart" props={{ flow }} />
              </div>
              {may("view_settings") && <Health />}
            </div>
            <div class="now-feed">
              <Feed flow={flow} into={filters.values.into} />
            </div>
          </div>
        </>
      )}
    </>
  );
}

function useFlow(org: string): Flow | null {
  const [flow, setFlow] = useState<Flow | null>(null);
  useEffect(() => {
    const started = startFlow(org);
    setFlow(started);
    return started.stop;
  }, [org]);
  return flow;
}

const CONNECTION_WORDS = {
  opening: "Connecting…",
  live: "Live",
  broken: "Interrupted, trying again…",
  ended: "Ended by the service",
};

const CONNECTION_TONES = { opening: "plain", live: "good", broken: "warn", ended: "bad" } as const;

function Connection({ flow }: { flow: Flow }) {
  const state = flow.connection.value;
  return (
    <span role="status">
      <Badge tone={CONNECTION_TONES[state]}>{CONNECTION_WORDS[state]}</Badge>
    </span>
  );
}

function Numbers({ flow }: { flow: Flow }) {
  const counts = flow.counts.value;
  const number = (value: number | undefined) => (value === undefined ? "–" : countWords(value));
  return (
    <Figures>
      <Figure label="Present" value={number(counts?.users)} />
      <Figure label={<Among status="online" />} value={number(counts?.online)} />
      <Figure label={<Among status="away" />} value={number(counts?.away)} />
      <Figure label={<Among status="busy" />} value={number(counts?.busy)} />
      <Figure label="Sessions" value={number(counts?.sessions)} />
      <Figure label="Changes/min" value={number(flow.perMinute.value)} />
    </Figures>
  );
}

function Among({ status }: { status: "online" | "away" | "busy" }) {
  return (
    <Link href={`/people?online_status=${status}`} class="among">
      <StatusDot status={status} />
    </Link>
  );
}

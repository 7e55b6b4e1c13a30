// Who was present at a moment of the past, and whether that is the whole answer.

import { useState } from "preact/hooks";
import { api } from "../../api/client.js";
import type { CursorPage, Moment as Instant, Status } from "../../api/types.js";
import {
  type Column,
  DataTable,
  DateTimeField,
  Empty,
  ErrorNotice,
  FilterBar,
  Icon,
  Loading,
  MoreRows,
  Notice,
  PersonLink,
  Section,
  Select,
  StatusDot,
} from "../../parts/index.js";
import { serverNow } from "../../state/clock.js";
import { type CursorList, useCursorList } from "../../state/useCursorList.js";
import { type Filters, useFilters } from "../../state/useFilters.js";
import { absoluteWords, plural, STATUS_WORDS, spanWords } from "../../state/words.js";
import { RevealButton, RevealNotice, useReveal } from "./Reveal.js";
import { OrgField } from "./SpanFields.js";
import { When } from "./When.js";

const DEFAULTS = { time: "", status: "", org: "" };

type Values = typeof DEFAULTS;

interface Present {
  user_id: string | null;
  org: string;
  status: Status;
  since: Instant;
  until: Instant | null;
}

interface Answer extends CursorPage<Present> {
  count: number;
  incomplete_because: string | null;
}

/** An answer stays until the next one is there, so it keeps its moment. */
interface Asked extends Answer {
  asked: Instant;
}

const COLUMNS: readonly Column<Present>[] = [
  { key: "who", head: "Who", cell: (row) => <PersonLink id={row.user_id} /> },
  { key: "status", head: "Status", cell: (row) => <StatusDot status={row.status} /> },
  { key: "since", head: "Since", cell: (row) => <When at={row.since} /> },
  {
    key: "until",
    head: "Until",
    from: "tablet",
    cell: (row) => <When at={row.until} none="still so" />,
  },
  {
    key: "for",
    head: "In all",
    isNumber: true,
    from: "desktop",
    cell: (row) =>
      spanWords((row.until ? Date.parse(row.until) : serverNow()) - Date.parse(row.since)),
  },
  { key: "org", head: "Organisation", from: "desktop", cell: (row) => row.org },
];

/** How far the service's clock may be behind the one that is shown, in ms: it refuses moments of its future. */
const MARGIN = 3000;

/** The latest moment that can be asked for, epoch ms. */
function justNow(): number {
  return serverNow() - MARGIN;
}

function instant(at: number): Instant {
  return new Date(at).toISOString();
}

/** The list of those who were there. */
export function Moment() {
  const filters = useFilters<Values>(DEFAULTS);
  const [recent, setRecent] = useState(justNow);
  const [answer, setAnswer] = useState<Asked | null>(null);
  const reveal = useReveal();
  const { values } = filters;
  const time = values.time || instant(recent);
  const query = { time, status: values.status, org: values.org, why: reveal.why };
  const list = useCursorList<Present>(
    async (cursor, signal) => {
      const page = await api<Answer>("/api/presence/at/", { query: { ...query, cursor }, signal });
      setAnswer({ ...page, asked: time });
      return page;
    },
    [JSON.stringify(query)],
  );
  return (
    <>
      <MomentFilters
        filters={filters}
        time={time}
        isWhole={reveal.why !== ""}
        toNow={() => setRecent(justNow())}
      />
      <RevealNotice reveal={reveal} />
      {answer?.incomplete_because && list.problem === null && (
        <Notice tone="warn">This may not be everybody: {answer.incomplete_because}.</Notice>
      )}
      <Section title={title(answer, list, time)} actions={<RevealButton reveal={reveal} />} isFlush>
        <Those list={list} time={time} />
      </Section>
    </>
  );
}

function title(answer: Asked | null, list: CursorList<Present>, time: Instant): string {
  if (!answer || list.problem) return `Present at ${absoluteWords(time)}`;
  const when = absoluteWords(answer.asked);
  return `${plural(answer.count, "person was", "people were")} present at ${when}`;
}

const MINUTE = 60_000;
const MOVES = [
  ["An hour earlier", -60 * MINUTE, "−1 h"],
  ["5 minutes earlier", -5 * MINUTE, "−5 min"],
  ["5 minutes later", 5 * MINUTE, "+5 min"],
  ["An hour later", 60 * MINUTE, "+1 h"],
] as const;

function MomentFilters({
  filters,
  time,
  isWhole,
  toNow,
}: {
  filters: Filters<Values>;
  time: Instant;
  /** The invisible are shown, and can be filtered for. */
  isWhole: boolean;
  /** Makes the moment that is meant by none the present one. */
  toNow: () => void;
}) {
  const { values, set } = filters;
  const statuses = (["online", "away", "busy"] as Status[]).concat(isWhole ? ["invisible"] : []);
  const move = (by: number) => {
    set({ time: instant(Math.min(Date.parse(time) + by, justNow())) });
  };
  const now = () => {
    toNow();
    set({ time: "" });
  };
  return (
    <FilterBar filters={filters}>
      <DateTimeField label="Moment" value={time} onChange={(chosen) => set({ time: chosen })} />
      <fieldset class="steps">
        <legend class="unseen">Move the moment</legend>
        {MOVES.map(([words, by, short]) => (
          <button key={by} type="button" class="button" title={words} onClick={() => move(by)}>
            {short}
          </button>
        ))}
        <button type="button" class="button" onClick={now}>
          <Icon name="now" size={16} /> Now
        </button>
      </fieldset>
      <Select
        label="Status"
        value={values.status}
        options={[["", "Any"], ...statuses.map((one) => [one, STATUS_WORDS[one]] as const)]}
        onChange={(status) => set({ status })}
      />
      <OrgField value={values.org} onChange={(org) => set({ org })} />
    </FilterBar>
  );
}

function Those({ list, time }: { list: CursorList<Present>; time: Instant }) {
  if (list.items.length === 0) {
    if (list.problem) return <ErrorNotice problem={list.problem} onRetry={list.reload} />;
    if (list.isLoading) return <Loading label="Reading who was there" />;
    return <Empty title="Nobody was present" />;
  }
  return (
    <DataTable
      caption={`Who was present at ${absoluteWords(time)}`}
      columns={COLUMNS}
      rows={list.items}
      keyOf={(row) => `${row.user_id}.${row.since}`}
      isBusy={list.isLoading}
    >
      {list.problem && <ErrorNotice problem={list.problem} onRetry={list.more} />}
      <MoreRows list={list} />
    </DataTable>
  );
}

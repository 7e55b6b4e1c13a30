// The presence of the last days: a row a day, a bar for each stretch, and in words how long it was.

import { useMemo } from "preact/hooks";
import { Empty, ErrorNotice, Loading, Notice, Section, StatusDot } from "../../parts/index.js";
import { serverNow } from "../../state/clock.js";
import type { Resource } from "../../state/useResource.js";
import { clockWords, STATUS_WORDS, spanWords } from "../../state/words.js";
import { type Day, daysOf, type Piece } from "./days.js";
import type { Past } from "./usePerson.js";

/** How many days may be shown. */
export const SPANS: readonly (readonly [string, string])[] = [
  ["7", "7 days"],
  ["14", "14 days"],
  ["30", "30 days"],
];

const weekday = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
});
const HOURS = [0, 6, 12, 18, 24];

export function Days({
  past,
  days,
  onDays,
}: {
  past: Resource<Past>;
  days: string;
  onDays: (days: string) => void;
}) {
  return (
    <Section
      title="Presence by day"
      actions={
        <fieldset class="choice">
          <legend class="unseen">Span</legend>
          {SPANS.map(([value, words]) => (
            <label key={value} class="choice-item">
              <input
                type="radio"
                class="unseen"
                name="days"
                value={value}
                checked={value === days}
                onChange={() => onDays(value)}
              />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
      }
    >
      {past.problem && <ErrorNotice problem={past.problem} onRetry={past.reload} />}
      {past.data ? (
        <Rows past={past.data} />
      ) : (
        !past.problem && <Loading label="Loading the history" />
      )}
    </Section>
  );
}

function Rows({ past }: { past: Past }) {
  const rows = useMemo(() => daysOf(past.intervals, past.since, past.until, serverNow()), [past]);
  if (past.intervals.length === 0) return <Empty title="Not present in this time" />;
  return (
    <>
      {!past.isWhole && (
        <Notice>There is more than this page shows: the earliest days are not complete.</Notice>
      )}
      <div class="days-scale" aria-hidden="true">
        <span />
        <span class="days-hours">
          {HOURS.map((hour) => (
            <span key={hour} style={{ left: `${(hour / 24) * 100}%` }}>
              {String(hour).padStart(2, "0")}
            </span>
          ))}
        </span>
        <span />
      </div>
      <ul class="days">
        {rows.map((day) => (
          <Row key={day.from} day={day} />
        ))}
      </ul>
      <p class="days-legend small">
        <StatusDot status="online" />
        <StatusDot status="away" />
        <StatusDot status="busy" />
      </p>
    </>
  );
}

function Row({ day }: { day: Day }) {
  const total = Object.values(day.totals).reduce((sum, ms) => sum + ms, 0);
  return (
    <li class="day">
      <span class="day-name small">{weekday.format(day.from)}</span>
      <span class="day-track" aria-hidden="true">
        {day.pieces.map((piece) => (
          <span
            key={piece.from}
            class="day-bar"
            data-status={piece.status}
            title={pieceWords(piece)}
            style={{ left: `${piece.left * 100}%`, width: `max(2px, ${piece.width * 100}%)` }}
          />
        ))}
      </span>
      <span class="day-total small soft">
        {total > 0 ? spanWords(total) : "–"}
        <span class="unseen">{totalWords(day)}</span>
      </span>
    </li>
  );
}

function pieceWords(piece: Piece): string {
  const end = piece.isOpen ? "now" : clockWords(piece.to);
  return `${STATUS_WORDS[piece.status]}, ${clockWords(piece.from)} to ${end}, ${spanWords(piece.to - piece.from)}`;
}

function totalWords(day: Day): string {
  const parts = Object.entries(day.totals).map(([status, ms]) => `${status} for ${spanWords(ms)}`);
  return parts.length > 0 ? `: ${parts.join(", ")}` : "not present";
}

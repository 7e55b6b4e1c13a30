// The fields that choose a span, an organisation and a time zone, and what they come to.

import { useMemo, useState } from "preact/hooks";
import { DateTimeField, Icon, Select } from "../../parts/index.js";
import { serverNow } from "../../state/clock.js";
import type { Filters } from "../../state/useFilters.js";
import { RestingField } from "./RestingField.js";
import "./records.css";
import { customSpan, SPAN_WORDS, type Span, type SpanValues, spanOf } from "./span.js";
import { allZones, ownZone } from "./zone.js";

/** A span, and how to bring it up to now. */
export interface Spanned extends Span {
  /** RFC 3339. */
  since: string;
  until: string;
  /** When it was last refreshed (ms): a span that stands still is read again, too. */
  asked: number;
  refresh: () => void;
}

/** The span that the filters mean. It stands still until it is refreshed, or pages of a list would not fit together. */
export function useSpan(values: SpanValues): Spanned {
  const [now, setNow] = useState(serverNow);
  const { span, from, to } = values;
  return useMemo(() => {
    const found = spanOf({ span, from, to }, now);
    return {
      ...found,
      since: new Date(found.from).toISOString(),
      until: new Date(found.to).toISOString(),
      asked: now,
      refresh: () => setNow(serverNow()),
    };
  }, [span, from, to, now]);
}

/** Chooses the span. */
export function SpanFields<T extends SpanValues>({
  filters,
  span,
}: {
  filters: Filters<T>;
  span: Spanned;
}) {
  const { values } = filters;
  const set = (changes: Partial<SpanValues>) => filters.set(changes as Partial<T>);
  const choose = (word: string) =>
    set(word === "custom" ? customSpan(span.from, span.to) : { span: word, from: "", to: "" });
  return (
    <>
      <Select
        label="Time"
        value={SPAN_WORDS[values.span] ? values.span : "24h"}
        options={Object.entries(SPAN_WORDS)}
        onChange={choose}
      />
      {values.span === "custom" && (
        <>
          <DateTimeField label="From" value={values.from} onChange={(from) => set({ from })} />
          <DateTimeField label="To" value={values.to} onChange={(to) => set({ to })} />
        </>
      )}
    </>
  );
}

/** Reads again, up to now. */
export function RefreshButton({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" class="button" onClick={onClick}>
      <Icon name="retry" size={16} /> Refresh
    </button>
  );
}

/** Chooses an organisation by its name. */
export function OrgField({ value, onChange }: { value: string; onChange: (org: string) => void }) {
  return (
    <RestingField
      label="Organisation"
      placeholder="All"
      value={value}
      maxLength={64}
      onChange={onChange}
    />
  );
}

/** Chooses the zone whose days are counted; the empty value is the reader's own. */
export function ZoneField({
  value,
  onChange,
}: {
  value: string;
  onChange: (zone: string) => void;
}) {
  const options = useMemo(
    () =>
      allZones().map((zone) =>
        zone === ownZone() ? (["", `${zone} (yours)`] as const) : ([zone, zone] as const),
      ),
    [],
  );
  return (
    <div class="filter-narrow">
      <Select
        label="Time zone"
        value={value === ownZone() ? "" : value}
        options={options}
        onChange={onChange}
      />
    </div>
  );
}

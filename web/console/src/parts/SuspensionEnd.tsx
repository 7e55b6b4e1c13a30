// Until when somebody is shut out: some usual spans, a moment, or no end.

import { useState } from "preact/hooks";
import type { Moment } from "../api/types.js";
import { serverNow } from "../state/clock.js";
import { DateTimeField, Select } from "./Fields.js";

const HOUR = 3_600_000;

const SPANS: readonly (readonly [string, string])[] = [
  ["", "Until somebody activates them"],
  [String(HOUR), "For an hour"],
  [String(24 * HOUR), "For a day"],
  [String(7 * 24 * HOUR), "For a week"],
  [String(30 * 24 * HOUR), "For 30 days"],
  ["moment", "Until a moment…"],
];

/** Answers a moment, or the empty text for no end. */
export function SuspensionEnd({
  value,
  onChange,
}: {
  value: Moment | "";
  onChange: (value: Moment | "") => void;
}) {
  const [span, setSpan] = useState("");
  return (
    <>
      <Select
        label="How long"
        value={span}
        options={SPANS}
        onChange={(next) => {
          setSpan(next);
          onChange(Number(next) > 0 ? new Date(serverNow() + Number(next)).toISOString() : "");
        }}
      />
      {span === "moment" && (
        <DateTimeField label="Until" value={value} onChange={onChange} required />
      )}
    </>
  );
}

// One action in full: what was before and what is after, side by side, and where it came from.

import { useMemo } from "preact/hooks";
import { CopyButton, Facts, Time } from "../../parts/index.js";
import { spanWords } from "../../state/words.js";
import { Target } from "./ActionParts.js";
import { type Change, changesOf, fieldWords } from "./diff.js";
import type { Action } from "./shapes.js";

/** What an opened row shows. */
export function ActionDetail({
  action,
  byRequest,
}: {
  action: Action;
  byRequest: (request: string) => void;
}) {
  const { before, after, request_id } = action.metadata;
  const changes = useMemo(() => changesOf(before, after), [before, after]);
  return (
    <div class="detail">
      {changes.length > 0 ? (
        <Changes changes={changes} isNew={before === null} isGone={after === null} />
      ) : (
        <p class="faint">Nothing was recorded of what it changed.</p>
      )}
      <Facts
        facts={[
          ["On", <Target key="on" action={action} />],
          ["Address", <code key="address">{action.ip_address ?? "–"}</code>],
          ["With", action.user_agent ?? "–"],
          ["Login", <code key="login">{action.session_id ?? "–"}</code>],
          ["Kind", `${action.category}, ${action.severity}`],
          ["Request", <Request key="request" id={request_id} byRequest={byRequest} />],
        ]}
      />
    </div>
  );
}

function Request({ id, byRequest }: { id: string | null; byRequest: (request: string) => void }) {
  if (!id) return <>–</>;
  return (
    <span class="request">
      <code>{id}</code>
      <CopyButton text={id} />
      <button type="button" class="button" onClick={() => byRequest(id)}>
        All of this request
      </button>
    </span>
  );
}

const MARKS: Record<Change["kind"], readonly [sign: string, words: string]> = {
  added: ["+", "new"],
  removed: ["−", "gone"],
  changed: ["±", "changed"],
  same: ["", "as before"],
};

function Changes({
  changes,
  isNew,
  isGone,
}: {
  changes: readonly Change[];
  /** Nothing was before: there is nothing to compare with. */
  isNew: boolean;
  isGone: boolean;
}) {
  return (
    <table class="diff">
      <caption class="unseen">What it changed</caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          {!isNew && <th scope="col">Before</th>}
          {!isGone && <th scope="col">{isNew ? "Value" : "After"}</th>}
        </tr>
      </thead>
      <tbody>
        {changes.map((change) => (
          <tr key={change.path} data-kind={isNew || isGone ? "told" : change.kind}>
            <th scope="row">
              <span class="diff-mark" aria-hidden="true">
                {MARKS[change.kind][0]}
              </span>
              {fieldWords(change.path)}
              <span class="unseen">, {MARKS[change.kind][1]}</span>
            </th>
            {!isNew && (
              <td class="diff-before">
                <Value path={change.path} value={change.before} />
              </td>
            )}
            {!isGone && (
              <td class="diff-after">
                <Value path={change.path} value={change.after} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

/** No span is as long as the time since 1970: from here on, in ms, it is a moment. */
const FIRST_MOMENT = 1e12;

function Amount({ path, value }: { path: string; value: number }) {
  if (!path.endsWith("_ms")) return <>{value}</>;
  if (value < FIRST_MOMENT) return <>{spanWords(value)}</>;
  return <Time at={new Date(value).toISOString()} isAbsolute />;
}

/** A value as people read it: spans and moments in words, lists by their parts. */
function Value({ path, value }: { path: string; value: unknown }) {
  if (value === undefined) return <span class="faint">–</span>;
  if (value === null) return <span class="faint">none</span>;
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  if (typeof value === "number") return <Amount path={path} value={value} />;
  if (typeof value === "string" && MOMENT.test(value)) return <Time at={value} isAbsolute />;
  if (typeof value === "string") return <>{value || "“”"}</>;
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) {
    return <>{value.join(", ") || "none"}</>;
  }
  return <code>{JSON.stringify(value)}</code>;
}

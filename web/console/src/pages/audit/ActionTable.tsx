// Actions in rows that open: below each what it changed, and where it came from.

import { Fragment } from "preact";
import { useId, useState } from "preact/hooks";
import { Icon } from "../../parts/index.js";
import { When } from "../history/When.js";
import { ActionDetail } from "./ActionDetail.js";
import { Actor, SeverityBadge, Target } from "./ActionParts.js";
import { type Action, actionWords } from "./shapes.js";

const HEADS = [
  ["", ""],
  ["When", ""],
  ["What", ""],
  ["By", ""],
  ["To", "from-tablet"],
  ["From", "from-desktop"],
] as const;

/** The table; several rows may be open at once. */
export function ActionTable({
  actions,
  isBusy,
  byRequest,
}: {
  actions: readonly Action[];
  isBusy: boolean;
  /** Shows only what one request did. */
  byRequest: (request: string) => void;
}) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) =>
    setOpen((was) => {
      const next = new Set(was);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls sideways must be reachable by keyboard
    <section class="table-frame" aria-label="Actions, newest first" tabIndex={0}>
      <table class="table actions" aria-busy={isBusy}>
        <caption class="unseen">Actions, newest first</caption>
        <thead>
          <tr>
            {HEADS.map(([words, shown]) => (
              <th key={words} scope="col" class={shown}>
                {words || <span class="unseen">More</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {actions.map((action) => (
            <ActionRow
              key={action.id}
              action={action}
              isOpen={open.has(action.id)}
              toggle={() => toggle(action.id)}
              byRequest={byRequest}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function ActionRow({
  action,
  isOpen,
  toggle,
  byRequest,
}: {
  action: Action;
  isOpen: boolean;
  toggle: () => void;
  byRequest: (request: string) => void;
}) {
  const detail = useId();
  return (
    <Fragment>
      <tr class={isOpen ? "is-open" : undefined}>
        <td>
          <Opener action={action} isOpen={isOpen} controls={detail} toggle={toggle} />
        </td>
        <td>
          <When at={action.timestamp} />
        </td>
        <td class="action-what">
          <b class="action-kind">{actionWords(action.action_type)}</b>{" "}
          <SeverityBadge severity={action.severity} />
          {action.description && <div class="faint small">{action.description}</div>}
        </td>
        <td>
          <Actor action={action} />
        </td>
        <td class="from-tablet">
          <Target action={action} />
        </td>
        <td class="action-from from-desktop">
          <code>{action.ip_address ?? "–"}</code>
        </td>
      </tr>
      {isOpen && (
        <tr class="action-detail">
          <td id={detail} colSpan={HEADS.length}>
            <ActionDetail action={action} byRequest={byRequest} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Opener({
  action,
  isOpen,
  controls,
  toggle,
}: {
  action: Action;
  isOpen: boolean;
  /** The id of what it opens. */
  controls: string;
  toggle: () => void;
}) {
  return (
    <button
      type="button"
      class="button is-quiet is-icon is-small"
      aria-expanded={isOpen}
      aria-controls={isOpen ? controls : undefined}
      aria-label={`Details of ${actionWords(action.action_type)}`}
      onClick={toggle}
    >
      <Icon name={isOpen ? "down" : "right"} size={16} />
    </button>
  );
}

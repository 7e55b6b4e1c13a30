// The changes as they happen, newest on top. They wait while the pointer or the focus is in the list, while it is scrolled
// down, and when it is paused.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Status } from "../../api/types.js";
import { Empty, Icon, PersonLink, Section, StatusDot } from "../../parts/index.js";
import { stable } from "../../parts/stable.js";
import { absoluteWords, clockWords, plural, reasonWords } from "../../state/words.js";
import type { Change, Flow } from "./flow.js";

/** Rows that are drawn; the history has the rest. */
const SHOWN = 80;

export function Feed({ flow, into }: { flow: Flow; into: string }) {
  const [isPaused, setPaused] = useState(false);
  const hold = useHold(flow, isPaused);
  const rows = flow.changes.value
    .filter((change) => into === "" || change.to === into)
    .slice(0, SHOWN);
  const waiting = flow.waiting.value;
  return (
    <Section
      title="Changes"
      isFlush
      actions={
        <>
          {waiting > 0 && (
            <button type="button" class="button is-small is-primary" onClick={flow.letIn}>
              {plural(waiting, "new change", "new changes")}
            </button>
          )}
          <button
            type="button"
            class="button is-small"
            aria-pressed={isPaused}
            onClick={() => setPaused(!isPaused)}
          >
            <Icon name={isPaused ? "play" : "pause"} size={15} /> {isPaused ? "Go on" : "Pause"}
          </button>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section ref={hold} class="feed" aria-label="Changes of status, newest first" tabIndex={0}>
        {rows.length === 0 ? (
          <Empty title="Nobody has come or gone yet">Changes appear here as they happen.</Empty>
        ) : (
          <ol>
            {rows.map((change) => (
              <Row key={change.key} change={change} />
            ))}
          </ol>
        )}
      </section>
    </Section>
  );
}

const Row = stable(({ change }: { change: Change }) => {
  const words = [change.emoji, change.text].filter(Boolean).join(" ");
  return (
    <li class="feed-row">
      <time
        class="feed-time faint"
        dateTime={change.occurred_at}
        title={absoluteWords(change.occurred_at)}
      >
        {clockWords(change.occurred_at, true)}
      </time>
      <span class="feed-who">
        <PersonLink id={change.user_id || null} />
      </span>
      <span class="feed-what">
        <StatusDot status={change.from as Status} isBare />
        <Icon name="right" size={13} />
        <StatusDot status={change.to} />
      </span>
      <span class="feed-why faint">{words || reasonWords(change.reason)}</span>
    </li>
  );
});

/** Holds the flow for as long as somebody is at the list. */
function useHold(flow: Flow, isPaused: boolean) {
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    let isAt = false;
    const judge = () => flow.hold(isPaused || isAt || element.scrollTop > 4);
    const come = () => {
      isAt = true;
      judge();
    };
    const go = (event: Event) => {
      isAt =
        event.type === "pointerleave"
          ? element.contains(document.activeElement)
          : element.matches(":hover");
      judge();
    };
    const events: [string, (event: Event) => void][] = [
      ["pointerenter", come],
      ["focusin", come],
      ["pointerleave", go],
      ["focusout", go],
      ["scroll", judge],
    ];
    for (const [name, listener] of events) element.addEventListener(name, listener);
    judge();
    return () => {
      for (const [name, listener] of events) element.removeEventListener(name, listener);
    };
  }, [flow, isPaused]);
  return list;
}

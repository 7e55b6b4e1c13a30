// One webhook: its facts, what can be done with it, and what became of its deliveries.

import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, part } from "../../api/client.js";
import { Facts, Icon, Menu, Notice, PersonLink, Section, Time } from "../../parts/index.js";
import { tell, tellProblem } from "../../state/toasts.js";
import { spanWords } from "../../state/words.js";
import { Deliveries } from "./Deliveries.js";
import { type Trial, WEBHOOKS, type Webhook } from "./shapes.js";
import { type Asked, WebhookDialogs } from "./WebhookDialogs.js";
import { WebhookStanding } from "./WebhookParts.js";

/** One webhook in full. */
export function WebhookView({ webhook, reload }: { webhook: Webhook; reload: () => void }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [, navigate] = useLocation();
  const path = `${WEBHOOKS}${part(webhook.id)}/`;
  const { trial, test } = useTrial(path);
  const removed = () => {
    navigate("/settings?view=webhooks");
    reload();
  };
  return (
    <>
      <p>
        <Link href="/settings?view=webhooks">
          <Icon name="left" size={14} /> All webhooks
        </Link>
      </p>
      <Section
        title={webhook.name}
        about={<WebhookStanding webhook={webhook} />}
        actions={
          <Actions
            webhook={webhook}
            isTesting={trial === "running"}
            test={test}
            resume={() => resume(webhook, reload)}
            ask={setAsked}
          />
        }
      >
        {trial && trial !== "running" && <TrialNotice trial={trial} />}
        <WebhookFacts webhook={webhook} />
      </Section>
      <Deliveries path={path} />
      {asked && (
        <WebhookDialogs
          webhook={webhook}
          asked={asked}
          close={() => setAsked(null)}
          changed={reload}
          removed={removed}
        />
      )}
    </>
  );
}

async function resume(webhook: Webhook, reload: () => void): Promise<void> {
  try {
    const body = { enabled: true };
    await api(`${WEBHOOKS}${part(webhook.id)}/`, { method: "PATCH", body });
    tell(`“${webhook.name}” is told again.`);
    reload();
  } catch (error) {
    tellProblem("It is still paused", error);
  }
}

/** Tries the webhook at `path`, and keeps what came back. */
function useTrial(path: string) {
  const [trial, setTrial] = useState<Trial | "running" | null>(null);
  const test = async () => {
    setTrial("running");
    try {
      setTrial(await api<Trial>(`${path}test/`, { method: "POST" }));
    } catch (error) {
      setTrial(null);
      tellProblem("It was not tried", error);
    }
  };
  return { trial, test };
}

function Actions({
  webhook,
  isTesting,
  test,
  resume,
  ask,
}: {
  webhook: Webhook;
  isTesting: boolean;
  test: () => void;
  resume: () => void;
  ask: (asked: Asked) => void;
}) {
  return (
    <>
      <button type="button" class="button" disabled={isTesting} onClick={test}>
        {isTesting ? "Trying…" : "Try it"}
      </button>
      <button type="button" class="button" onClick={() => ask("change")}>
        Change
      </button>
      <Menu
        label={`More for ${webhook.name}`}
        buttonClass="button is-icon"
        items={[
          webhook.enabled
            ? { words: "Pause", icon: "pause", onSelect: () => ask("pause") }
            : { words: "Resume", icon: "play", onSelect: resume },
          { words: "New secret", icon: "key", onSelect: () => ask("rotate") },
          { words: "Delete", icon: "close", isDangerous: true, onSelect: () => ask("delete") },
        ]}
      >
        <Icon name="more" />
      </Menu>
    </>
  );
}

function TrialNotice({ trial }: { trial: Trial }) {
  const after = spanWords(trial.took_ms);
  if (trial.delivered) {
    return (
      <Notice>
        It took the trial: answered {trial.status} after {after}.
      </Notice>
    );
  }
  return (
    <Notice tone="warn">
      It did not take the trial{trial.status ? `: answered ${trial.status} after ${after}` : ""}.
      {trial.problem && <> {trial.problem}</>}
      {trial.answer && <code class="answer">{trial.answer}</code>}
    </Notice>
  );
}

function WebhookFacts({ webhook }: { webhook: Webhook }) {
  const { debounce_ms } = webhook;
  return (
    <Facts
      facts={[
        ["Address", <code key="url">{webhook.url}</code>],
        ["Told", webhook.events.join(", ")],
        ["Of people of", webhook.org ?? "all organisations"],
        ["Left out", debounce_ms ? `what is undone within ${spanWords(debounce_ms)}` : "nothing"],
        ["Last taken", <Time key="taken" at={webhook.last_success_at} none="never" />],
        ["Last failed", <Failure key="failed" webhook={webhook} />],
        ...(webhook.next_attempt_at
          ? [["Next attempt", <Time key="next" at={webhook.next_attempt_at} />] as const]
          : []),
        ...(webhook.previous_secret_until
          ? [
              [
                "Old secret signs until",
                <Time key="old" at={webhook.previous_secret_until} isAbsolute />,
              ] as const,
            ]
          : []),
        [
          "Made",
          <span key="made">
            <Time at={webhook.created_at} />
            {webhook.created_by && (
              <>
                {" by "}
                <PersonLink id={webhook.created_by} />
              </>
            )}
          </span>,
        ],
      ]}
    />
  );
}

function Failure({ webhook }: { webhook: Webhook }) {
  return (
    <>
      <Time at={webhook.last_failure_at} none="never" />
      {webhook.problem && <div class="small">{webhook.problem}</div>}
    </>
  );
}

// Why somebody has their status: in sentences, by layers, and whether both stores say the same.

import type { ComponentChildren } from "preact";
import type { Status } from "../../api/types.js";
import {
  Badge,
  Empty,
  ErrorNotice,
  Icon,
  Loading,
  Section,
  StatusDot,
  Time,
} from "../../parts/index.js";
import type { Resource } from "../../state/useResource.js";
import type { Claim, Explanation } from "./types.js";

export function Why({
  explanation,
  actions,
}: {
  explanation: Resource<Explanation>;
  actions?: ComponentChildren;
}) {
  const { data, problem, reload } = explanation;
  const isUnknown = problem?.status === 404;
  return (
    <Section title="Why this status" actions={actions}>
      {isUnknown && <Empty title="Never seen">Nothing is known of their presence yet.</Empty>}
      {problem && !isUnknown && <ErrorNotice problem={problem} onRetry={reload} />}
      {data && <Told explanation={data} />}
      {!data && !problem && <Loading label="Loading the explanation" lines={4} />}
    </Section>
  );
}

function Told({ explanation }: { explanation: Explanation }) {
  const { summary, why, layers, claims, gate, agree, differences } = explanation;
  return (
    <>
      <p class="summary">{summary}</p>
      {why.length > 0 && (
        <ul class="why">
          {why.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <ol class="layers" aria-label="From what is known to what is shown">
        <Layer name="Sessions" status={layers.sessions} />
        <Layer name="Wish" status={layers.claims} />
        <Layer name="Gate" words={layers.gate} />
        <Layer name="Others see" status={layers.shown} />
      </ol>
      {claims.map((claim) => (
        <ClaimLine key={claim.id} claim={claim} />
      ))}
      {gate?.until && (
        <p class="small">
          Shut out until <Time at={gate.until} isAbsolute />
        </p>
      )}
      {agree ? (
        <p class="small faint row">
          <Icon name="check" size={15} /> Redis and Postgres say the same.
        </p>
      ) : (
        <div class="notice" data-tone="warn">
          <ul class="notice-words">
            {differences.map((difference) => (
              <li key={difference}>{difference}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function Layer({
  name,
  status,
  words,
}: {
  name: string;
  status?: Status | null;
  words?: string | null;
}) {
  return (
    <li class="layer">
      <span class="small faint">{name}</span>
      {status ? (
        <StatusDot status={status} />
      ) : (
        <span class={words ? "strong" : "faint"}>{words ?? "none"}</span>
      )}
    </li>
  );
}

function ClaimLine({ claim }: { claim: Claim }) {
  return (
    <p class="row">
      <Badge tone={claim.whose === "admin" ? "warn" : "accent"}>
        {claim.whose === "admin" ? "Set by an administrator" : "Own wish"}
      </Badge>
      <StatusDot status={claim.status} />
      <span>{[claim.emoji, claim.text].filter(Boolean).join(" ")}</span>
      {claim.until && (
        <span class="faint small">
          ends <Time at={claim.until} />
        </span>
      )}
    </p>
  );
}

// Presence and standing at a glance: shape and words as well as colour.

import type { ComponentChildren } from "preact";
import type { Standing, Status } from "../api/types.js";
import { STANDING_WORDS, STATUS_WORDS } from "../state/words.js";

const SHAPES: Record<Status, ComponentChildren> = {
  online: <circle cx="6" cy="6" r="5" class="fill" />,
  away: <path d="M10.8 7.2A5 5 0 1 1 4.8 1.2a4 4 0 0 0 6 6z" class="fill" />,
  busy: (
    <>
      <circle cx="6" cy="6" r="5" class="fill" />
      <path d="M3.6 6h4.8" class="cut" />
    </>
  ),
  offline: <circle cx="6" cy="6" r="4" class="ring" />,
  invisible: <circle cx="6" cy="6" r="4" class="ring" stroke-dasharray="2.1 2.1" />,
};

/** A presence, by shape, colour and word; `isBare` keeps the word for screen readers only. */
export function StatusDot({ status, isBare = false }: { status: Status; isBare?: boolean }) {
  return (
    <span class="status" data-status={status}>
      <svg class="status-dot" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        {SHAPES[status] ?? SHAPES.offline}
      </svg>
      <span class={isBare ? "unseen" : "status-word"}>{STATUS_WORDS[status] ?? status}</span>
    </span>
  );
}

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

/** A word in a frame. */
export function Badge({ tone = "plain", children }: { tone?: Tone; children: ComponentChildren }) {
  return (
    <span class="badge" data-tone={tone}>
      {children}
    </span>
  );
}

const STANDING_TONES: Record<Standing | "inactive", Tone> = {
  active: "plain",
  pending: "accent",
  suspended: "warn",
  banned: "bad",
  inactive: "plain",
};

/** How an account stands. */
export function StandingBadge({ standing }: { standing: Standing | "inactive" }) {
  return (
    <Badge tone={STANDING_TONES[standing] ?? "plain"}>{STANDING_WORDS[standing] ?? standing}</Badge>
  );
}

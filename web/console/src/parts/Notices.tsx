// What is shown in place of data: nothing yet, nothing at all, or what went wrong.

import type { ComponentChildren } from "preact";
import type { Problem } from "../api/problem.js";
import { Icon } from "./Icon.js";

/** While something is read for the first time: grey lines where it will be. */
export function Loading({ label = "Loading", lines = 6 }: { label?: string; lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="unseen">{label}</span>
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} class="skeleton" />
      ))}
    </div>
  );
}

/** There is nothing; `children` says what could be done. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <div class="empty-more">{children}</div>}
    </div>
  );
}

/** What went wrong, with the request's id for whoever looks into the log. */
export function ErrorNotice({
  problem,
  onRetry,
}: {
  problem: Problem;
  onRetry?: (() => void) | undefined;
}) {
  return (
    <div class="notice" data-tone="bad" role="alert">
      <Icon name="warning" />
      <div class="notice-words">
        <p>{problem.detail}</p>
        {problem.errors.map((error) => (
          <p key={error.pointer} class="faint">
            {error.pointer.replace(/^\//, "")}: {error.detail}
          </p>
        ))}
        {problem.requestId && <p class="faint small">Request {problem.requestId}</p>}
      </div>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          <Icon name="retry" size={16} /> Try again
        </button>
      )}
    </div>
  );
}

/** Something to know before going on. */
export function Notice({
  tone = "plain",
  children,
}: {
  tone?: "plain" | "warn";
  children: ComponentChildren;
}) {
  return (
    <div class="notice" data-tone={tone} role="status">
      <div class="notice-words">{children}</div>
    </div>
  );
}

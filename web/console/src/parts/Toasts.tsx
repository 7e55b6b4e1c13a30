// Where messages appear. The region is there from the start, because screen readers only notice what changes in it.

import { announcement, dismiss, toasts } from "../state/toasts.js";
import { Icon } from "./Icon.js";

export function Toasts() {
  return (
    <>
      <div class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </div>
      <div class="toasts" role="status" aria-live="polite">
        {toasts.value.map((toast) => (
          <div key={toast.id} class="toast" data-kind={toast.kind}>
            <Icon name={toast.kind === "done" ? "check" : "warning"} />
            <div class="toast-words">
              <p>{toast.text}</p>
              {toast.detail && <p class="faint small">{toast.detail}</p>}
            </div>
            <button
              type="button"
              class="button is-quiet is-icon"
              aria-label="Dismiss"
              onClick={() => dismiss(toast.id)}
            >
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
    </>
  );
}

// A secret that is shown once: it is in this answer of the service and nowhere else.

import { useId } from "preact/hooks";
import { CopyButton, Dialog, Notice } from "../../parts/index.js";

/** A secret to be copied now. */
export interface Shown {
  /** What was made: "The key of “shop”". */
  title: string;
  secret: string;
  /** Where it goes. */
  about: string;
}

/** Shows a secret until it is put away. */
export function SecretDialog({ title, secret, about, onClose }: Shown & { onClose: () => void }) {
  const id = useId();
  return (
    <Dialog title={title} onClose={onClose} isKept>
      <div class="stack">
        <Notice tone="warn">
          Copy it now: it is shown this once, and the service keeps only what recognises it.
        </Notice>
        <div class="field">
          <label class="field-label" for={id}>
            Secret
          </label>
          <div class="secret">
            <input
              id={id}
              class="input"
              readOnly
              value={secret}
              onFocus={(event) => event.currentTarget.select()}
            />
            <CopyButton text={secret} />
          </div>
          <p class="field-hint">{about}</p>
        </div>
        <footer class="dialog-foot">
          <button type="button" class="button is-primary" onClick={onClose}>
            I have kept it
          </button>
        </footer>
      </div>
    </Dialog>
  );
}

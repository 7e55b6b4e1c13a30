// A secret that is shown once: it is in this answer of the service and nowhere else.

import { useId, useState } from "preact/hooks";
import { Dialog, Icon, Notice } from "../../parts/index.js";
import { announce } from "../../state/toasts.js";

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
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    const input = document.getElementById(id) as HTMLInputElement;
    input.select();
    // Without a secure origin there is no clipboard; the text is selected then, and the keyboard does the rest.
    await navigator.clipboard?.writeText(secret);
    if (!navigator.clipboard) return;
    setCopied(true);
    announce("Copied");
  };
  return (
    <Dialog title={title} onClose={onClose}>
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
              class="input is-code"
              readOnly
              value={secret}
              onFocus={(event) => event.currentTarget.select()}
            />
            <button type="button" class="button" onClick={copy}>
              <Icon name={isCopied ? "check" : "copy"} size={16} /> {isCopied ? "Copied" : "Copy"}
            </button>
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

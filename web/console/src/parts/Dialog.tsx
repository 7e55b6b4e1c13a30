// Dialogs are the browser's own: it keeps the focus inside, closes them by Escape, and puts the focus back afterwards.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem.js";
import { TextArea } from "./Fields.js";
import { Icon } from "./Icon.js";
import { ErrorNotice } from "./Notices.js";

/** A dialog above the page, open as long as it is rendered. */
export function Dialog({
  title,
  onClose,
  children,
  isWide = false,
  isKept = false,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  isWide?: boolean;
  /** Closed by its buttons only: it shows what is shown once, or something is at work in it. */
  isKept?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // A drag that begins in a field and ends beside the dialog is a click on the dialog, too.
  const wentDownBeside = useRef(false);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it; a click beside it is the pointer's way
    <dialog
      ref={dialog}
      class={isWide ? "dialog is-wide" : "dialog"}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        if (!isKept) onClose();
      }}
      onClose={() => {
        // A browser closes by the second Escape whatever became of `cancel`.
        if (isKept && dialog.current?.isConnected) dialog.current.showModal();
      }}
      onPointerDown={(event) => {
        wentDownBeside.current = event.target === dialog.current;
      }}
      onClick={(event) => {
        const isBeside = wentDownBeside.current && event.target === dialog.current;
        if (isBeside && !isKept) onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button
            type="button"
            class="button is-quiet is-icon"
            aria-label="Close"
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Something to be confirmed before it is done. */
export interface Confirmation {
  title: string;
  /** What will happen, in a sentence or two. */
  about?: ComponentChildren;
  /** What the button says: "Suspend". */
  verb: string;
  isDangerous?: boolean;
  /** Whether a reason is asked for; it is kept with the action. */
  reason?: "none" | "optional" | "required";
  /** More fields, above the reason. */
  children?: ComponentChildren;
  /** Does it; what it throws is shown in the dialog, which stays open. */
  onConfirm: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done, with a reason where the service keeps one, and shows what went wrong. */
export function ConfirmAction(ask: Confirmation) {
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      await ask.onConfirm(reason.trim());
      ask.onClose();
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  // While it is at work the dialog stays, because a failure would be lost with it.
  const close = () => {
    if (!isBusy) ask.onClose();
  };
  const asksWhy = ask.reason !== undefined && ask.reason !== "none";
  return (
    <Dialog title={ask.title} onClose={close} isKept={isBusy}>
      <form class="stack" onSubmit={submit}>
        {ask.about && <div class="soft">{ask.about}</div>}
        {ask.children}
        {asksWhy && (
          <TextArea
            label={ask.reason === "required" ? "Reason" : "Reason (optional)"}
            hint="Kept with the action in the audit log."
            value={reason}
            maxLength={500}
            required={ask.reason === "required"}
            error={problem?.of("reason") ?? problem?.of("why")}
            onInput={setReason}
          />
        )}
        {problem && <ErrorNotice problem={problem} />}
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={close} disabled={isBusy}>
            Cancel
          </button>
          <button
            type="submit"
            class={ask.isDangerous ? "button is-danger" : "button is-primary"}
            disabled={isBusy}
          >
            {isBusy ? "Working…" : ask.verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

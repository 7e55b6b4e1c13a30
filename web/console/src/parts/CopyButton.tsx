// For what is shown once and must be taken along: secrets, links.

import { useState } from "preact/hooks";
import { tellProblem } from "../state/toasts.js";
import { Icon } from "./Icon.js";

/** Copies `text`, and says so on the button. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch (error) {
      tellProblem("It was not copied", error);
    }
  };
  return (
    <button type="button" class="button" onClick={copy}>
      <Icon name={isDone ? "check" : "copy"} size={16} />
      <span aria-live="polite">{isDone ? "Copied" : label}</span>
    </button>
  );
}

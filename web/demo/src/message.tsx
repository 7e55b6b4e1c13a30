/** A box to type in. What is typed stays here: the others learn that somebody types, and nothing else. */
import { current, LOBBY, names, state, typists } from "./stage.ts";

/** The service ends typing after 5 s, so it is told again before, and not with every key. In ms. */
const AGAIN = 2000;

let told = 0;

export function Message() {
  return (
    <section class="card" aria-labelledby="message-title">
      <h2 id="message-title">Message</h2>
      <textarea
        id="message"
        rows={2}
        aria-labelledby="message-title"
        aria-describedby="message-hint"
        placeholder="Type here, and look at another window"
        disabled={state.value === "stopped"}
        onInput={(event) => type(event.currentTarget.value !== "")}
        onBlur={() => type(false)}
      />
      <p class="typists" role="status" id="typists">
        {sentence(typists.value.map((id) => names.value.get(id) ?? id))}
      </p>
      <p class="hint" id="message-hint">
        What you type is not sent. The others are told that you type.
      </p>
    </section>
  );
}

function type(on: boolean): void {
  const now = Date.now();
  if (on ? now - told < AGAIN : told === 0) return;
  told = on ? now : 0;
  current()?.typing(LOBBY, on);
}

function sentence(who: string[]): string {
  if (who.length === 0) return "";
  const list = new Intl.ListFormat("en").format(who.slice(0, 3));
  return who.length === 1 ? `${list} is typing…` : `${list} are typing…`;
}

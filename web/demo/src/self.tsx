/** This window's person: who it is, how the connection stands, what they say of themselves, and ways to leave. */
import { useSignal } from "@preact/signals";
import * as network from "./network.ts";
import { addressOf, type Person } from "./people.ts";
import { come, current, go, me, own, reason, state } from "./stage.ts";

const STATUSES = ["online", "busy", "away", "invisible"] as const;
const EMOJI = ["", "🍜", "🎧", "🚌", "🤒", "🏝️"];
const ENDS = [
  { name: "until I say otherwise", ms: 0 },
  { name: "for 30 seconds", ms: 30_000 },
  { name: "for 5 minutes", ms: 300_000 },
  { name: "for an hour", ms: 3_600_000 },
];
const STATES: Record<string, string> = {
  connecting: "connecting",
  live: "live: a socket is open",
  polling: "polling: heartbeats over HTTP",
  waiting: "waiting before the next try",
  stopped: "not connected",
};

export function Self({ everybody }: { everybody: Person[] }) {
  return (
    <section class="card" aria-labelledby="self-title">
      <h2 id="self-title">You</h2>
      <Who everybody={everybody} />
      <p class={`state ${state.value}`} role="status" id="state">
        {STATES[state.value]}
        {reason.value ? ` (${reason.value})` : ""}
      </p>
      <Claim />
      <Leaving />
    </section>
  );
}

function Who({ everybody }: { everybody: Person[] }) {
  const change = (event: { currentTarget: HTMLSelectElement }) => {
    const person = everybody.find(({ username }) => username === event.currentTarget.value);
    if (person) location.search = addressOf(person);
  };
  return (
    <label class="field">
      <span>You are</span>
      <select value={me.value?.username ?? ""} onChange={change} id="who">
        {me.value ? null : <option value="">nobody yet</option>}
        {everybody.map((person) => (
          <option key={person.username} value={person.username}>
            {person.name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Claim() {
  const text = useSignal("");
  const emoji = useSignal("");
  const end = useSignal(0);
  const problem = useSignal("");
  const say = async (status: (typeof STATUSES)[number]) => {
    const words = {
      ...(text.value ? { text: text.value } : {}),
      ...(emoji.value ? { emoji: emoji.value } : {}),
      ...(end.value ? { expiresIn: end.value } : {}),
    };
    problem.value = "";
    try {
      await current()?.setStatus(status, status === "online" ? undefined : words);
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
  };
  return (
    <fieldset class="claim">
      <legend>Say how you are</legend>
      <div class="words">
        <label class="field grow">
          <span>Words</span>
          <input
            maxLength={100}
            placeholder="at lunch"
            value={text}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="field">
          <span>Emoji</span>
          <select
            value={emoji}
            onChange={(event) => {
              emoji.value = event.currentTarget.value;
            }}
          >
            {EMOJI.map((one) => (
              <option key={one} value={one}>
                {one || "none"}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>How long</span>
          <select
            value={end}
            onChange={(event) => {
              end.value = Number(event.currentTarget.value);
            }}
          >
            {ENDS.map(({ name, ms }) => (
              <option key={ms} value={ms}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="buttons">
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={own.value?.status === status}
            onClick={() => say(status)}
          >
            <span class={`dot ${status}`} aria-hidden="true" />
            {status}
          </button>
        ))}
      </div>
      <p class="problem" role="alert">
        {problem}
      </p>
    </fieldset>
  );
}

function Leaving() {
  const gone = state.value === "stopped";
  const up = network.up.value;
  const toggle = () => {
    if (!gone) void go();
    else if (me.value) come(me.value);
  };
  return (
    <div class="leaving">
      <div class="buttons">
        <button type="button" onClick={() => network.set(!up)} aria-pressed={!up} disabled={gone}>
          {up ? "Drop my network" : "Bring it back"}
        </button>
        <button type="button" onClick={toggle}>
          {gone ? "Come back" : "Say goodbye"}
        </button>
      </div>
      <p class="hint">
        {up
          ? "Dropping is silent: others notice when your lease ends, and never if you are back before. A goodbye takes seconds, so that a reload is nobody's news."
          : "Nothing leaves this page now, and the service was told nothing. Your lease runs on until it ends."}
      </p>
    </div>
  );
}

// One's own second factor: begun with the password, confirmed by the first code, given up with both. Where a role demands one,
// this is the only thing that works until it is done.

import { useState } from "preact/hooks";
import { api } from "../api/client.js";
import { asProblem, type Problem } from "../api/problem.js";
import { CopyButton, Dialog, ErrorNotice, Loading, Notice, TextField } from "../parts/index.js";
import { readMe } from "../state/me.js";
import { tell, tellProblem } from "../state/toasts.js";
import { useResource } from "../state/useResource.js";

const PATH = "/api/auth/totp/";

interface Standing {
  enabled: boolean;
  required: boolean;
  recovery_codes_left: number;
}

interface Begun {
  secret: string;
  otpauth_uri: string;
}

/** The dialog, at whatever step the account is. */
export default function SecondFactor({ onClose }: { onClose: () => void }) {
  const standing = useResource((signal) => api<Standing>(PATH, { signal }), []);
  const [begun, setBegun] = useState<Begun | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const { data, problem, reload } = standing;
  return (
    <Dialog title="Second factor" onClose={onClose} isKept={codes !== null || begun !== null}>
      {problem && <ErrorNotice problem={problem} onRetry={reload} />}
      {!data && !problem && <Loading label="Loading" lines={3} />}
      {codes && <Codes codes={codes} onClose={onClose} />}
      {!codes && begun && <Confirm begun={begun} onCodes={setCodes} />}
      {!codes && !begun && data && !data.enabled && (
        <Begin isRequired={data.required} onBegun={setBegun} />
      )}
      {!codes && data?.enabled && <GiveUp standing={data} onClose={onClose} />}
    </Dialog>
  );
}

/** What one may do depends on the factor. */
function readAgain(): void {
  readMe().catch((error) => tellProblem("What you may do could not be read again", error));
}

/** A form with one button: what it throws is shown, and `isBusy` while it runs. */
function useAttempt(attempt: () => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await attempt();
    } catch (error) {
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  return { isBusy, problem, submit };
}

function Begin({ isRequired, onBegun }: { isRequired: boolean; onBegun: (begun: Begun) => void }) {
  const [password, setPassword] = useState("");
  const { isBusy, problem, submit } = useAttempt(async () => {
    onBegun(await api<Begun>(PATH, { method: "POST", body: { password } }));
  });
  return (
    <form class="stack" onSubmit={submit}>
      <p class="soft">
        {isRequired
          ? "Your role demands one. Until it is confirmed you may do no more than any user."
          : "From then on each login asks for a code of your authenticator app, too."}
      </p>
      <TextField
        label="Your password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onInput={setPassword}
      />
      {problem && <ErrorNotice problem={problem} />}
      <footer class="dialog-foot">
        <button type="submit" class="button is-primary" disabled={isBusy}>
          Begin
        </button>
      </footer>
    </form>
  );
}

function Confirm({
  begun,
  onCodes,
}: {
  begun: Begun;
  onCodes: (codes: readonly string[]) => void;
}) {
  const [totp, setTotp] = useState("");
  const { isBusy, problem, submit } = useAttempt(async () => {
    const body = { totp: totp.trim() };
    const answer = await api<{ recovery_codes: string[] }>(`${PATH}confirm/`, {
      method: "POST",
      body,
    });
    onCodes(answer.recovery_codes);
    readAgain();
  });
  return (
    <form class="stack" onSubmit={submit}>
      <p class="soft">Give this secret to your authenticator app. It is shown only now.</p>
      <p class="mono strong">{begun.secret}</p>
      <div class="row">
        <CopyButton text={begun.secret} label="Copy the secret" />
        <a class="button" href={begun.otpauth_uri}>
          Open in an app
        </a>
      </div>
      <TextField
        label="The code that the app shows"
        autoComplete="one-time-code"
        inputMode="numeric"
        required
        value={totp}
        onInput={setTotp}
      />
      {problem && <ErrorNotice problem={problem} />}
      <footer class="dialog-foot">
        <button type="submit" class="button is-primary" disabled={isBusy}>
          Confirm
        </button>
      </footer>
    </form>
  );
}

function Codes({ codes, onClose }: { codes: readonly string[]; onClose: () => void }) {
  return (
    <div class="stack">
      <p class="soft">
        Keep these recovery codes where you find them without your phone. Each is good once, and
        they are shown only now.
      </p>
      <ul class="mono">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <footer class="dialog-foot">
        <CopyButton text={codes.join("\n")} label="Copy all" />
        <button type="button" class="button is-primary" onClick={onClose}>
          I have kept them
        </button>
      </footer>
    </div>
  );
}

function GiveUp({ standing, onClose }: { standing: Standing; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [totp, setTotp] = useState("");
  const { isBusy, problem, submit } = useAttempt(async () => {
    await api(PATH, { method: "DELETE", body: { password, totp: totp.trim() } });
    tell("Logins no longer ask for a code.");
    readAgain();
    onClose();
  });
  return (
    <form class="stack" onSubmit={submit}>
      <p class="soft">
        Logins ask for a code. Recovery codes left: {standing.recovery_codes_left}.
      </p>
      {standing.required && <Notice tone="warn">Your role demands a second factor.</Notice>}
      <TextField
        label="Your password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onInput={setPassword}
      />
      <TextField
        label="A code"
        autoComplete="one-time-code"
        required
        value={totp}
        onInput={setTotp}
      />
      {problem && <ErrorNotice problem={problem} />}
      <footer class="dialog-foot">
        <button type="submit" class="button is-danger" disabled={isBusy}>
          Give it up
        </button>
      </footer>
    </form>
  );
}

// The way in: name and password, and a code where the account has a second factor.

import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem.js";
import { farewell, signIn } from "../api/session.js";
import { ErrorNotice, Notice, TextField } from "../parts/index.js";
import { Brand } from "./Brand.js";

export function SignIn() {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [totp, setTotp] = useState("");
  const [asksTotp, setAsksTotp] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await signIn(username.trim(), password, asksTotp ? totp.trim() : undefined);
    } catch (error) {
      const cause = asProblem(error);
      setBusy(false);
      if (cause.code === "totp_required") setAsksTotp(true);
      else setProblem(cause);
    }
  };

  return (
    <main class="sign-in">
      <form class="sign-in-card stack" onSubmit={submit}>
        <Brand />
        <h1 class="sign-in-title">Sign in to the console</h1>
        {farewell.value && !problem && <Notice>{farewell.value}</Notice>}
        {problem && <ErrorNotice problem={problem} />}
        <TextField
          label="User name"
          value={username}
          onInput={setUsername}
          autoComplete="username"
          required
          error={problem?.of("username")}
        />
        <TextField
          label="Password"
          type="password"
          value={password}
          onInput={setPassword}
          autoComplete="current-password"
          required
          error={problem?.of("password")}
        />
        {asksTotp && <Code value={totp} onInput={setTotp} />}
        <button type="submit" class="button is-primary is-tall" disabled={isBusy}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}

function Code({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => frame.current?.querySelector("input")?.focus(), []);
  return (
    <div ref={frame}>
      <TextField
        label="Code of your authenticator"
        hint="Six digits, or one of your recovery codes. Each is good once."
        value={value}
        onInput={onInput}
        autoComplete="one-time-code"
        required
      />
    </div>
  );
}

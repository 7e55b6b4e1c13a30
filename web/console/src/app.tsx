// From who is signed in to what is shown.

import { useEffect } from "preact/hooks";
import { Router, useLocation } from "wouter-preact";
import { signOut, standing } from "./api/session.js";
import { pageAt } from "./pages.js";
import { ErrorNotice, Loading } from "./parts/index.js";
import { Brand } from "./shell/Brand.js";
import { Shell } from "./shell/Shell.js";
import { SignIn } from "./shell/SignIn.js";
import { isFactorMissing, me, readMe } from "./state/me.js";
import { startPresence, stopPresence } from "./state/presence.js";
import { useResource } from "./state/useResource.js";

export function App() {
  return <Router base="/console">{standing.value === "in" ? <SignedIn /> : <SignedOut />}</Router>;
}

function SignedOut() {
  return standing.value === "out" ? <SignIn /> : null;
}

function SignedIn() {
  const reading = useResource(readMe, []);
  const isThere = me.value !== null;
  useEffect(() => {
    if (!isThere) return;
    startPresence();
    return stopPresence;
  }, [isThere]);
  useEffect(
    () => () => {
      me.value = null;
      isFactorMissing.value = false;
    },
    [],
  );
  if (me.value) return <Routed />;
  return (
    <main class="sign-in">
      <div class="sign-in-card stack">
        <Brand />
        {reading.problem ? (
          <>
            <ErrorNotice problem={reading.problem} onRetry={reading.reload} />
            <button type="button" class="button" onClick={() => void signOut()}>
              Sign out
            </button>
          </>
        ) : (
          <Loading label="Loading the console" lines={3} />
        )}
      </div>
    </main>
  );
}

function Routed() {
  const [path] = useLocation();
  return me.value && <Shell me={me.value} page={pageAt(path)} />;
}

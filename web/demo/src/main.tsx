/** The demo page: who comes, and the parts of the page. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Code } from "./code.tsx";
import { Crowd } from "./crowd.tsx";
import { Log } from "./log.tsx";
import { Message } from "./message.tsx";
import { choose, type Person, people } from "./people.ts";
import { Self } from "./self.tsx";
import { come, names } from "./stage.ts";
import { Wall } from "./wall.tsx";

function Page({ everybody }: { everybody: Person[] }) {
  useEffect(() => {
    choose(everybody).then(come, fail);
  }, [everybody]);
  return (
    <>
      <header class="head">
        <h1>Rollcall demo</h1>
        <p>
          <a href="/demo/" target="_blank" rel="noopener">
            Open another window
          </a>
          : it is somebody else. Type, look away, close it, and watch what happens here.
        </p>
      </header>
      <main class="columns">
        <div class="stack">
          <Self everybody={everybody} />
          <Wall />
          <Message />
        </div>
        <div class="stack">
          <Code />
          <Crowd />
          <Log />
        </div>
      </main>
    </>
  );
}

function fail(error: unknown): void {
  render(
    <main class="failed" role="alert">
      <h1>The demo cannot start</h1>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      <p>
        It needs a service that was started by <code>rollcall dev --demo</code>.
      </p>
    </main>,
    root,
  );
}

const root = document.getElementById("page") as HTMLElement;
people().then((everybody) => {
  names.value = new Map(everybody.map((person) => [person.user_id, person.name]));
  render(<Page everybody={everybody} />, root);
}, fail);

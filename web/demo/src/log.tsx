/** What the client told this page, the newest first; each line opens to the whole of it. */
import { log } from "./stage.ts";

export function Log() {
  return (
    <section class="card" aria-labelledby="log-title">
      <h2 id="log-title">What the client says</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <div class="log" tabIndex={0}>
        <ol id="log">
          {log.value.map((line) => (
            <li key={line.number}>
              <details>
                <summary>
                  <time dateTime={line.at.toISOString()}>{line.at.toLocaleTimeString()}</time>{" "}
                  <b>{line.name}</b> <code>{line.what}</code>
                </summary>
                <code>{line.what}</code>
              </details>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

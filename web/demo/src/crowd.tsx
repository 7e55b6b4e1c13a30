/** The whole organisation at a glance: a dot for everybody who is present, and the counts that the service tells. */
import { counts, names, views } from "./stage.ts";

export function Crowd() {
  const present = [...views.value.values()].filter(({ status }) => status !== "offline");
  const sum = counts.value;
  return (
    <section class="card" aria-labelledby="crowd-title">
      <h2 id="crowd-title">Everybody</h2>
      <p id="counts">
        {sum
          ? `${sum.online} online, ${sum.away} away, ${sum.busy} busy, in ${sum.sessions} sessions`
          : "Counts come with the connection."}
      </p>
      <div class="mosaic" aria-hidden="true">
        {present.map(({ user_id, status }) => (
          <span key={user_id} class={`dot ${status}`} title={names.value.get(user_id) ?? user_id} />
        ))}
      </div>
    </section>
  );
}

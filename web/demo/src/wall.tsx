/** Who is in the lobby: a card for each, with the dot that the client brings along. */
import type { View } from "@rollcall/sdk";
import { ago, now } from "./clock.ts";
import { lobby, me, names, typing, views } from "./stage.ts";

export function Wall() {
  const count = lobby.value.length;
  return (
    <section class="card" aria-labelledby="wall-title">
      <h2 id="wall-title">In the lobby</h2>
      {count === 0 ? <p class="hint">Nobody is here, not even you.</p> : null}
      <ul class="wall" id="wall">
        {lobby.value.map((id) => (
          <Somebody key={id} id={id} view={views.value.get(id)} />
        ))}
      </ul>
      {count === 1 ? <p class="hint">Only you. Open another window, beside this one.</p> : null}
    </section>
  );
}

function Somebody({ id, view }: { id: string; view: View | undefined }) {
  const name = names.value.get(id) ?? `user ${id}`;
  return (
    <li class="person" data-user={id} data-status={view?.status ?? "offline"}>
      <p class="name">
        {name}
        {id === me.value?.user_id ? <span class="tag">you</span> : null}
      </p>
      <p class="status">
        <rollcall-dot user={id} />
        {view ? <Since view={view} /> : null}
      </p>
      <p class="said">
        {view?.emoji ? <span>{view.emoji} </span> : null}
        {view?.text ?? ""}
      </p>
      {typing.value.has(id) ? <p class="typing">types…</p> : null}
    </li>
  );
}

function Since({ view }: { view: View }) {
  const moment = view.status === "offline" ? view.last_seen : view.since;
  if (!moment) return null;
  return (
    <time dateTime={moment} title={new Date(moment).toLocaleString()}>
      {view.status === "offline" ? "seen " : "for "}
      {ago(moment, now.value)}
      {view.status === "offline" ? " ago" : ""}
    </time>
  );
}

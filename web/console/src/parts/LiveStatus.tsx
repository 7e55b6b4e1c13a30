// Somebody's presence as it is at this moment, where the page watches them; before that as a list told it.

import type { Status } from "../api/types.js";
import { presenceOf } from "../state/presence.js";
import { StatusDot } from "./StatusDot.js";
import { Time } from "./Time.js";

/** The status; with the person's own words where there are any. */
export function LiveStatus({
  id,
  told,
  isBare = false,
}: {
  id: string;
  told: Status;
  isBare?: boolean;
}) {
  const view = presenceOf(id).value;
  const words = [view?.emoji, view?.text].filter(Boolean).join(" ");
  return (
    <span class="live-status">
      <StatusDot status={view?.status ?? told} isBare={isBare} />
      {words && !isBare && (
        <span class="own-words" title={words}>
          {words}
        </span>
      )}
    </span>
  );
}

/** When somebody was last seen: `now` of those who are present. Views come when people are first watched and when they
 * change, so that the moment in one that says `online` soon lies back. */
export function LastSeen({
  id,
  told,
  status,
}: {
  id: string;
  /** When, and how they stood then, as a list told it. */
  told: string | null;
  status: Status;
}) {
  const view = presenceOf(id).value;
  if ((view?.status ?? status) !== "offline") return <span>now</span>;
  return <Time at={view?.last_seen ?? told} none="never" />;
}

// What the table of people shows of each.

import type { Person } from "../../api/types.js";
import {
  type Column,
  Icon,
  type IconName,
  LastSeen,
  LiveStatus,
  PersonLink,
  StandingBadge,
  Time,
} from "../../parts/index.js";
import { presenceOf } from "../../state/presence.js";
import { ROLE_WORDS } from "../../state/words.js";

const DEVICE_ICONS: Record<string, IconName> = { web: "web", mobile: "mobile", desktop: "desktop" };

/** The columns without the one for the selection. */
export const COLUMNS: readonly Column<Person>[] = [
  {
    key: "person",
    head: "Person",
    sort: "username",
    cell: (person) => (
      <div class="two-lines">
        <span>
          <PersonLink id={person.id} name={person.full_name || person.username} />
        </span>
        <span class="faint small">
          {[person.username, person.email].filter(Boolean).join(" · ")}
        </span>
      </div>
    ),
  },
  {
    key: "presence",
    head: "Presence",
    width: "min(150px, 27vw)",
    cell: (person) => <LiveStatus id={String(person.id)} told={person.online_status} />,
  },
  {
    key: "last_seen",
    head: "Last seen",
    width: "min(110px, 23vw)",
    cell: (person) => (
      <LastSeen id={String(person.id)} told={person.last_seen} status={person.online_status} />
    ),
  },
  {
    key: "devices",
    head: "Devices",
    width: "88px",
    from: "desktop",
    cell: (person) => <Devices id={String(person.id)} />,
  },
  {
    key: "role",
    head: "Role",
    width: "116px",
    from: "desktop",
    cell: (person) => <span class="soft">{ROLE_WORDS[person.role]}</span>,
  },
  {
    key: "account",
    head: "Account",
    width: "112px",
    from: "tablet",
    cell: (person) => <StandingBadge standing={person.display_status} />,
  },
  {
    key: "created",
    head: "Made",
    sort: "created",
    width: "108px",
    from: "desktop",
    cell: (person) => <Time at={person.created_at} />,
  },
];

/** The kinds of devices somebody is present on. */
export function Devices({ id }: { id: string }) {
  const devices = presenceOf(id).value?.devices ?? [];
  if (devices.length === 0) return null;
  return (
    <span class="devices" title={devices.join(", ")}>
      {devices.map((device) => (
        <Icon key={device} name={DEVICE_ICONS[device] ?? "web"} size={16} />
      ))}
      <span class="unseen">{devices.join(", ")}</span>
    </span>
  );
}

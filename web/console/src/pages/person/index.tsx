// One person: how they are, why, where, since when; what was; and what can be done.

import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { usePathname } from "wouter-preact/use-browser-location";
import type { Seen } from "../../api/types.js";
import {
  Badge,
  ErrorNotice,
  Facts,
  Icon,
  LastSeen,
  LiveStatus,
  Loading,
  Notice,
  PageHead,
  Section,
  StandingBadge,
  Time,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { useWatch } from "../../state/presence.js";
import { type Filters, useFilters } from "../../state/useFilters.js";
import { ROLE_WORDS } from "../../state/words.js";
import { Devices } from "../people/columns.js";
import { ActionMenu } from "./ActionMenu.js";
import { Days, SPANS } from "./Days.js";
import { Entries } from "./Entries.js";
import { idIn } from "./idIn.js";
import { Reveal } from "./Reveal.js";
import { LiveSessions, Logins } from "./Sessions.js";
import type { Detail } from "./types.js";
import { type PersonData, usePerson } from "./usePerson.js";
import { Why } from "./Why.js";
import "./person.css";

const DEFAULTS = { days: "7" };

export default function PersonPage() {
  const id = idIn(usePathname());
  return <OnePerson key={id} id={id} />;
}

function OnePerson({ id }: { id: string }) {
  const filters = useFilters(DEFAULTS);
  const [why, setWhy] = useState("");
  useWatch([id]);
  const days = SPANS.some(([value]) => value === filters.values.days)
    ? Number(filters.values.days)
    : 7;
  const data = usePerson(id, days, why);
  const account = data.account.data;
  const name = account?.full_name || account?.username || id;
  if (data.account.problem?.status === 404) {
    return (
      <>
        <PageHead title={`#${id}`} about={<Back />} />
        <Notice>There is no such account: it never was, or was erased.</Notice>
      </>
    );
  }
  return (
    <>
      <PageHead title={name} about={<Under id={id} account={account} seen={data.seen.data} />}>
        <ActionMenu
          known={{ id, account, explanation: data.explanation.data }}
          name={name}
          onDone={data.reload}
        />
      </PageHead>
      {data.account.problem && (
        <ErrorNotice problem={data.account.problem} onRetry={data.account.reload} />
      )}
      {why && (
        <Notice tone="warn">
          You see what was done unseen. The audit log keeps that you looked, with the reason “{why}
          ”.
        </Notice>
      )}
      <Parts {...{ id, data, filters, why, onWhy: setWhy }} />
    </>
  );
}

function Parts({
  id,
  data,
  filters,
  why,
  onWhy,
}: {
  id: string;
  data: PersonData;
  filters: Filters<typeof DEFAULTS>;
  why: string;
  onWhy: (why: string) => void;
}) {
  const { account, explanation, logins, past, reload } = data;
  return (
    <div class={may("view_history") || may("force_logout_user") ? "person" : "person is-brief"}>
      <div class="person-main">
        {may("view_history") && (
          <>
            <Days past={past} days={filters.values.days} onDays={(days) => filters.set({ days })} />
            {explanation.data && <LiveSessions sessions={explanation.data.sessions} />}
          </>
        )}
        {may("force_logout_user") && account.data && (
          <Logins user={id} logins={logins} onEnded={reload} />
        )}
        {past.data && <Entries entries={past.data.entries} />}
      </div>
      <div class="person-side">
        {may("view_history") && (
          <Why explanation={explanation} actions={<Reveal why={why} onWhy={onWhy} />} />
        )}
        <About id={id} account={account.data} data={data} />
      </div>
    </div>
  );
}

function Back() {
  return (
    <Link href="/people" class="back">
      <Icon name="left" size={15} /> People
    </Link>
  );
}

function Under({
  id,
  account,
  seen,
}: {
  id: string;
  account: Detail | undefined;
  seen: Seen | undefined;
}) {
  return (
    <span class="person-under">
      <Back />
      <LiveStatus id={id} told={seen?.status ?? account?.online_status ?? "offline"} />
      <Devices id={id} />
      {account && (
        <>
          <span class="faint">{account.username}</span>
          {account.role !== "user" && <Badge tone="accent">{ROLE_WORDS[account.role]}</Badge>}
          {account.display_status !== "active" && (
            <StandingBadge standing={account.display_status} />
          )}
        </>
      )}
    </span>
  );
}

function About({
  id,
  account,
  data,
}: {
  id: string;
  account: Detail | undefined;
  data: PersonData;
}) {
  const seen = data.seen.data;
  const org = data.explanation.data?.redis?.org ?? data.explanation.data?.postgres?.org;
  if (!account && data.account.isLoading) {
    return (
      <Section title="About">
        <Loading label="Loading the account" lines={5} />
      </Section>
    );
  }
  return (
    <Section title="About">
      <Facts
        facts={[
          ["Status since", <Time key="since" at={seen?.since} />],
          ["Present since", <Time key="online" at={seen?.online_since} />],
          [
            "Last seen",
            <LastSeen
              key="seen"
              id={id}
              told={seen?.last_seen ?? null}
              status={seen?.status ?? account?.online_status ?? "offline"}
            />,
          ],
          [
            "User id",
            <span key="id" class="mono">
              {id}
            </span>,
          ],
          ...(org ? ([["Organisation", org]] as const) : []),
          ...(account ? accountFacts(account) : []),
        ]}
      />
    </Section>
  );
}

function accountFacts(account: Detail) {
  const told = Object.entries(account.profile).filter(([, value]) => value);
  return [
    ["E-mail", account.email || "–"],
    ["Role", ROLE_WORDS[account.role]],
    ["Account", <StandingBadge key="account" standing={account.display_status} />],
    ["Made", <Time key="made" at={account.created_at} isAbsolute />],
    ...(account.bio ? ([["About", account.bio]] as const) : []),
    ...told.map(([name, value]) => [profileWords(name), value] as const),
  ] as const;
}

function profileWords(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// What is around every page: the navigation by what one may do, one's own presence, and the landmarks to move by.

import { useEffect, useRef, useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { signOut } from "../api/session.js";
import { PAGES, type Page } from "../pages.js";
import { Icon, Lazy, Menu, type MenuItem, Notice, StatusDot } from "../parts/index.js";
import { Toasts } from "../parts/Toasts.js";
import { isFactorMissing, type Me, may } from "../state/me.js";
import { connectionState, ownStatus, setOwnStatus } from "../state/presence.js";
import { type Theme, theme } from "../state/theme.js";
import { tellProblem } from "../state/toasts.js";
import { STATUS_WORDS } from "../state/words.js";
import { Brand } from "./Brand.js";

const loadSecondFactor = () => import("./SecondFactor.js");

/** The console of whoever is signed in. */
export function Shell({ me, page }: { me: Me; page: Page | undefined }) {
  const main = useRef<HTMLElement>(null);
  useFocusOnNavigation(main);
  const [isFactorOpen, setFactor] = useState(false);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="side">
        <Link href="/" class="side-brand" aria-label="Rollcall, now">
          <Brand />
        </Link>
        <Navigation current={page} />
        <div class="side-foot">
          <OwnPresence me={me} onFactor={() => setFactor(true)} />
        </div>
      </header>
      <main id="main" class="main" ref={main} tabIndex={-1}>
        {isFactorMissing.value && (
          <Notice tone="warn">
            <div class="row">
              Your role demands a second factor. Until it is set up, you may do no more than any
              user.
              <button type="button" class="button is-small" onClick={() => setFactor(true)}>
                Set it up
              </button>
            </div>
          </Notice>
        )}
        {page?.permissions.some(may) ? (
          <Lazy key={page.path} load={page.load} label={page.title} props={{}} />
        ) : (
          <NothingHere isKnown={page !== undefined} />
        )}
      </main>
      {isFactorOpen && (
        <Lazy
          load={loadSecondFactor}
          label="the second factor"
          props={{ onClose: () => setFactor(false) }}
        />
      )}
      <Toasts />
    </div>
  );
}

function Navigation({ current }: { current: Page | undefined }) {
  return (
    <nav class="nav" aria-label="Pages">
      {PAGES.filter((page) => page.isListed && page.permissions.some(may)).map((page) => (
        <Link
          key={page.path}
          href={page.path}
          class="nav-link"
          aria-current={current && isWithin(current, page) ? "page" : undefined}
        >
          <Icon name={page.icon} size={20} />
          <span>{page.title}</span>
        </Link>
      ))}
    </nav>
  );
}

function isWithin(current: Page, page: Page): boolean {
  return current === page || (page.path !== "/" && current.path.startsWith(`${page.path}/`));
}

const THEMES: readonly [Theme, string, "system" | "sun" | "moon"][] = [
  ["system", "As the system", "system"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

const CONNECTION_WORDS: Record<string, string> = {
  live: "Live",
  polling: "Live by requests",
  connecting: "Connecting…",
  waiting: "Reconnecting…",
  stopped: "Not live",
};

function OwnPresence({ me, onFactor }: { me: Me; onFactor: () => void }) {
  const { account } = me;
  const say = (status: "online" | "busy" | "away" | "invisible"): MenuItem => ({
    words: STATUS_WORDS[status],
    isChosen: ownStatus.value === status,
    onSelect: () => {
      setOwnStatus(status).catch((error) => tellProblem("Your status stays as it was", error));
    },
  });
  return (
    <div class="own">
      <Menu
        buttonClass="own-button"
        side="start"
        items={[say("online"), say("busy"), say("away"), say("invisible")]}
      >
        <StatusDot status={ownStatus.value} isBare />
        <span class="own-names">
          <span class="own-name">{account.username}</span>
          <span class="faint small">
            {CONNECTION_WORDS[connectionState.value] ?? connectionState.value}
          </span>
          <span class="unseen">, change your status</span>
        </span>
      </Menu>
      <Menu
        label="Appearance and sign out"
        buttonClass="button is-quiet is-icon"
        items={[
          ...THEMES.map(([value, words, icon]) => ({
            words,
            icon,
            isChosen: theme.value === value,
            onSelect: () => {
              theme.value = value;
            },
          })),
          { words: "Second factor…", icon: "key" as const, onSelect: onFactor },
          { words: "Sign out", icon: "out" as const, onSelect: () => void signOut() },
        ]}
      >
        <Icon name="more" />
      </Menu>
    </div>
  );
}

function NothingHere({ isKnown }: { isKnown: boolean }) {
  const [title, more] = nothingWords(isKnown);
  return (
    <div class="empty">
      <h1 class="empty-title">{title}</h1>
      <p class="empty-more">{more}</p>
    </div>
  );
}

function nothingWords(isKnown: boolean): readonly [title: string, more: string] {
  if (!isKnown) return ["There is no such page", "Look for it in the navigation."];
  return isFactorMissing.value
    ? ["This page waits for your second factor", "It opens when the factor is set up."]
    : ["This page is not for your role", "An administrator can give you another role."];
}

/** After a move to another page the focus goes there, so that keyboards and screen readers are not left behind. */
function useFocusOnNavigation(main: { current: HTMLElement | null }): void {
  const [path] = useLocation();
  const last = useRef(path);
  useEffect(() => {
    if (last.current === path) return;
    last.current = path;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo?.({ top: 0 });
  }, [path, main]);
}

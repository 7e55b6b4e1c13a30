// The furniture of a page: its head, sections, tabs, figures and the bar of filters.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Link } from "wouter-preact";
import type { Filters } from "../state/useFilters.js";
import { Icon } from "./Icon.js";

/** The head of a page: its title (also that of the window), a line about it, and actions. */
export function PageHead({
  title,
  about,
  children,
}: {
  title: string;
  about?: ComponentChildren;
  children?: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Rollcall`;
  }, [title]);
  return (
    <header class="page-head">
      <div class="page-title">
        <h1>{title}</h1>
        {about && <div class="soft">{about}</div>}
      </div>
      {children && <div class="page-actions">{children}</div>}
    </header>
  );
}

/** A part of a page on a surface of its own. */
export function Section({
  title,
  about,
  actions,
  children,
  isFlush = false,
}: {
  title: string;
  about?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  /** Without a margin inside: for tables. */
  isFlush?: boolean;
}) {
  return (
    <section class={isFlush ? "section is-flush" : "section"}>
      <header class="section-head">
        <div>
          <h2>{title}</h2>
          {about && <p class="faint small">{about}</p>}
        </div>
        {actions && <div class="section-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** Parts of a page, each with an address. */
export function Tabs({
  label,
  tabs,
  current,
}: {
  label: string;
  tabs: readonly { key: string; words: string; href: string }[];
  current: string;
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link
          key={tab.key}
          href={tab.href}
          class="tab"
          aria-current={tab.key === current ? "page" : undefined}
        >
          {tab.words}
        </Link>
      ))}
    </nav>
  );
}

/** A number with its name. */
export function Figure({
  label,
  value,
  more,
}: {
  label: ComponentChildren;
  value: ComponentChildren;
  more?: ComponentChildren;
}) {
  return (
    <div class="figure">
      <dt class="figure-label">{label}</dt>
      <dd class="figure-value">{value}</dd>
      {more && <dd class="figure-more faint small">{more}</dd>}
    </div>
  );
}

/** Figures in a row: a list of terms for screen readers. */
export function Figures({ children }: { children: ComponentChildren }) {
  return <dl class="figures">{children}</dl>;
}

/** Facts by name, one below the other. */
export function Facts({
  facts,
}: {
  facts: readonly (readonly [name: string, value: ComponentChildren])[];
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Filters in a row, and the way back to none of them. */
export function FilterBar<T extends Record<string, string>>({
  filters,
  children,
  about,
}: {
  filters: Filters<T>;
  children: ComponentChildren;
  /** What was found, at the end of the bar. */
  about?: ComponentChildren;
}) {
  return (
    <search class="filters">
      {children}
      {filters.count > 0 && (
        <button type="button" class="button is-quiet" onClick={filters.clear}>
          <Icon name="close" size={16} /> Clear
        </button>
      )}
      {about && <div class="filters-about faint">{about}</div>}
    </search>
  );
}

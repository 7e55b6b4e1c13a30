// History: what was. Each part has an address, and the span of time goes along from one to the other.

import type { JSX } from "preact";
import { useSearch } from "wouter-preact";
import { PageHead, Tabs } from "../../parts/index.js";
import "./history.css";
import { Changes } from "./Changes.js";
import { Concurrency } from "./Concurrency.js";
import { Lengths } from "./Lengths.js";
import { Moment } from "./Moment.js";
import { People } from "./People.js";
import { Totals } from "./Totals.js";
import { useTabInView } from "./useTabInView.js";

const PARTS: readonly (readonly [key: string, words: string, Part: () => JSX.Element])[] = [
  ["changes", "Changes", Changes],
  ["moment", "At a moment", Moment],
  ["online", "Online over time", Concurrency],
  ["people", "People per day", People],
  ["sessions", "Session lengths", Lengths],
  ["totals", "Totals", Totals],
];

/** What goes along from part to part. */
const SHARED = ["span", "from", "to", "org", "zone"];

/** The page below /history. */
export default function History(): JSX.Element {
  const search = useSearch();
  const asked = new URLSearchParams(search).get("view");
  const [key, , Part] = PARTS.find(([name]) => name === asked) ?? PARTS[0] ?? ["", "", Changes];
  useTabInView(key);
  const tabs = PARTS.map(([name, words]) => ({ key: name, words, href: hrefOf(name, search) }));
  return (
    <>
      <PageHead title="History" about="Who was present, when, and for how long." />
      <Tabs label="Parts of the history" tabs={tabs} current={key} />
      <Part key={key} />
    </>
  );
}

function hrefOf(name: string, search: string): string {
  const was = new URLSearchParams(search);
  const kept = new URLSearchParams(name === "changes" ? {} : { view: name });
  for (const field of SHARED) {
    const value = was.get(field);
    if (value) kept.set(field, value);
  }
  return kept.size > 0 ? `/history?${kept}` : "/history";
}

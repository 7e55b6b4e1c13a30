// Audit: what administrators did and what concerned the security of accounts; as a list, and counted.

import type { JSX } from "preact";
import { useSearch } from "wouter-preact";
import { PageHead, Tabs } from "../../parts/index.js";
import "./audit.css";
import { Actions } from "./Actions.js";
import { Counts } from "./Counts.js";

const TABS = [
  { key: "actions", words: "Actions", href: "/audit" },
  { key: "counts", words: "Counts", href: "/audit?view=counts" },
] as const;

/** The page below /audit. */
export default function Audit(): JSX.Element {
  const isCounts = new URLSearchParams(useSearch()).get("view") === "counts";
  return (
    <>
      <PageHead
        title="Audit"
        about="What was done by administrators, and to the security of accounts."
      />
      <Tabs label="Parts of the audit" tabs={TABS} current={isCounts ? "counts" : "actions"} />
      {isCounts ? <Counts /> : <Actions />}
    </>
  );
}

// Settings: what is in force, and what administrators change while the service runs.

import type { JSX } from "preact";
import { useSearch } from "wouter-preact";
import type { Permission } from "../../api/types.js";
import { Empty, PageHead, Tabs } from "../../parts/index.js";
import { may } from "../../state/me.js";
import { useTabInView } from "../history/useTabInView.js";
import "./settings.css";
import { Blocks } from "./Blocks.js";
import { Effective } from "./Effective.js";
import { Keys } from "./Keys.js";
import { Webhooks } from "./Webhooks.js";

interface Part {
  key: string;
  words: string;
  permission: Permission;
  Shown: () => JSX.Element;
}

const PARTS: readonly Part[] = [
  { key: "effective", words: "In force", permission: "view_settings", Shown: Effective },
  { key: "keys", words: "Service keys", permission: "manage_service_keys", Shown: Keys },
  { key: "webhooks", words: "Webhooks", permission: "manage_webhooks", Shown: Webhooks },
  { key: "blocks", words: "Blocked networks", permission: "manage_blocks", Shown: Blocks },
];

/** The page below /settings. */
export default function Settings(): JSX.Element {
  const asked = new URLSearchParams(useSearch()).get("view");
  const parts = PARTS.filter((part) => may(part.permission));
  const shown = parts.find((part) => part.key === asked) ?? parts[0];
  useTabInView(shown?.key ?? "");
  return (
    <>
      <PageHead title="Settings" about="How this service runs, and who else may use it." />
      <Tabs
        label="Parts of the settings"
        current={shown?.key ?? ""}
        tabs={parts.map(({ key, words }) => ({ key, words, href: `/settings?view=${key}` }))}
      />
      {shown ? <shown.Shown key={shown.key} /> : <Empty title="Nothing here is yours to see" />}
    </>
  );
}

// The settings in force, by their parts. They are read at the start of a node, so they are shown, not changed.

import { useMemo } from "preact/hooks";
import { api } from "../../api/client.js";
import {
  Badge,
  type Column,
  DataTable,
  Empty,
  ErrorNotice,
  FilterBar,
  Loading,
  SearchField,
  Section,
  Select,
} from "../../parts/index.js";
import { useFilters } from "../../state/useFilters.js";
import { useResource } from "../../state/useResource.js";
import { plural } from "../../state/words.js";
import type { Setting } from "./shapes.js";

const DEFAULTS = { search: "", only: "" };

const COLUMNS: readonly Column<Setting>[] = [
  {
    key: "name",
    head: "Setting",
    width: "30%",
    cell: (setting) => (
      <>
        <code class="setting-name">{setting.name}</code>
        <div class="faint small">
          <code class="setting-variable">{setting.variable}</code>
        </div>
      </>
    ),
  },
  {
    key: "value",
    head: "Value",
    width: "24%",
    cell: (setting) => (
      <span class="setting-value">
        <code>{setting.value ?? "–"}</code>
        {isSet(setting) && <Badge tone="accent">{setting.source}</Badge>}
      </span>
    ),
  },
  {
    key: "default",
    head: "By default",
    width: "14%",
    from: "tablet",
    cell: (setting) => <code class="faint">{setting.default ?? "–"}</code>,
  },
  {
    key: "about",
    head: "What it is",
    from: "tablet",
    cell: (setting) => <span class="soft">{setting.about.replaceAll("`", "")}</span>,
  },
];

/** Whether somebody chose the value. */
function isSet({ source }: Setting): boolean {
  return source !== "derived" && !source.startsWith("default");
}

/** The settings that have each of the words in their names, value or description. */
export function matching(all: readonly Setting[], search: string, onlySet: boolean): Setting[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((setting) => {
    const { name, variable, value, about } = setting;
    const text = `${name} ${variable} ${value ?? ""} ${about}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (!onlySet || isSet(setting));
  });
}

/** The settings by the part of the service that they belong to: what their names begin with. */
function byPart(settings: readonly Setting[]): [part: string, settings: Setting[]][] {
  const parts = new Map<string, Setting[]>();
  for (const setting of settings) {
    const name = setting.name.includes(".") ? (setting.name.split(".")[0] ?? "") : "general";
    parts.set(name, [...(parts.get(name) ?? []), setting]);
  }
  return [...parts];
}

/** The settings with a search. */
export function Effective() {
  const filters = useFilters(DEFAULTS);
  const { values, set } = filters;
  const { data, problem, reload } = useResource(
    (signal) => api<{ settings: Setting[] }>("/api/admin/settings/", { signal }),
    [],
  );
  const found = useMemo(
    () => matching(data?.settings ?? [], values.search, values.only === "set"),
    [data, values.search, values.only],
  );
  if (problem && !data) return <ErrorNotice problem={problem} onRetry={reload} />;
  if (!data) return <Loading label="Reading the settings" />;
  return (
    <>
      <FilterBar filters={filters} about={plural(found.length, "setting", "settings")}>
        <SearchField
          label="Search settings"
          value={values.search}
          onSearch={(search) => set({ search })}
        />
        <Select
          label="Show"
          hasHiddenLabel
          value={values.only}
          options={[
            ["", "All settings"],
            ["set", "Those that were set"],
          ]}
          onChange={(only) => set({ only })}
        />
      </FilterBar>
      {found.length === 0 && <Empty title="No setting has these words" />}
      {byPart(found).map(([part, settings]) => (
        <Section key={part} title={part.charAt(0).toUpperCase() + part.slice(1)} isFlush>
          <DataTable
            caption={`Settings of ${part}`}
            columns={COLUMNS}
            rows={settings}
            keyOf={(setting) => setting.name}
          />
        </Section>
      ))}
    </>
  );
}

// Everybody: searched, filtered and sorted by the service, drawn as far as they are seen, live as far as they are drawn.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import {
  Download,
  Empty,
  ErrorNotice,
  FilterBar,
  Loading,
  PageHead,
  SearchField,
  Select,
  type Sorting,
  TextField,
  VirtualTable,
} from "../../parts/index.js";
import { may } from "../../state/me.js";
import { useWatch } from "../../state/presence.js";
import { announce } from "../../state/toasts.js";
import { type Filters, useFilters } from "../../state/useFilters.js";
import { plural } from "../../state/words.js";
import { BulkBar } from "./BulkBar.js";
import { choosing, idsOf } from "./choosing.js";
import { COLUMNS } from "./columns.js";
import { type Directory, openDirectory } from "./directory.js";
import { createSelection, type Selection } from "./selection.js";
import "./people.css";

const DEFAULTS = { search: "", online_status: "", status: "", role: "", org: "", sort: "newest" };
type PeopleFilters = Filters<typeof DEFAULTS>;

const ROW_HEIGHT = 52;

/** What `sort` of the service is to the heads of the table. */
const SORTINGS: Record<string, Sorting> = {
  newest: { by: "created", direction: "descending" },
  oldest: { by: "created", direction: "ascending" },
  username: { by: "username", direction: "ascending" },
};

const PRESENCES: readonly (readonly [string, string])[] = [
  ["", "Any presence"],
  ["online", "Online"],
  ["away", "Away"],
  ["busy", "Busy"],
  ["offline", "Offline"],
];

const STANDINGS: readonly (readonly [string, string])[] = [
  ["", "Any account"],
  ["active", "Active"],
  ["pending", "Pending"],
  ["suspended", "Suspended"],
  ["banned", "Banned"],
];

const ROLES: readonly (readonly [string, string])[] = [
  ["", "Any role"],
  ["user", "Users"],
  ["moderator", "Moderators"],
  ["admin", "Administrators"],
];

export default function People() {
  const filters = useFilters(DEFAULTS);
  const key = JSON.stringify(filters.values);
  const directory = useMemo(() => openDirectory(filters.values), [key]);
  useEffect(() => directory.stop, [directory]);
  const selection = useMemo(
    () => createSelection((row) => directory.rowAt(row)?.id ?? undefined),
    [directory],
  );
  const count = directory.count.value;
  useEffect(() => {
    if (count !== null) announce(plural(count, "person found", "people found"));
  }, [count]);
  return (
    <>
      <PageHead title="People" about={count === null ? "…" : plural(count, "account", "accounts")}>
        {may("export_data") && filters.values.online_status !== "" && (
          <span class="faint small">The export holds people of any presence.</span>
        )}
        {may("export_data") && (
          <Download
            path="/api/users/admin/users/export/"
            name="people"
            query={exported(filters.values)}
          />
        )}
      </PageHead>
      <Choices filters={filters} />
      <List {...{ directory, selection, filters }} listKey={key} />
      {/* Below the table: above it, it would push the rows from under the pointer. */}
      {directory.problem.value && (
        <ErrorNotice problem={directory.problem.value} onRetry={directory.reload} />
      )}
    </>
  );
}

function exported({ search, role, status, org }: typeof DEFAULTS) {
  return { search, role, status, org };
}

function Choices({ filters }: { filters: PeopleFilters }) {
  const { values, set } = filters;
  return (
    <FilterBar filters={filters}>
      <SearchField
        label="Search people"
        placeholder="Name, user name or address"
        value={values.search}
        onSearch={(search) => set({ search })}
      />
      <Select
        label="Presence"
        hasHiddenLabel
        value={values.online_status}
        onChange={(online_status) => set({ online_status })}
        options={PRESENCES}
      />
      <Select
        label="Account"
        hasHiddenLabel
        value={values.status}
        onChange={(status) => set({ status })}
        options={STANDINGS}
      />
      <Select
        label="Role"
        hasHiddenLabel
        value={values.role}
        onChange={(role) => set({ role })}
        options={ROLES}
      />
      <TextField
        label="Organisation"
        hasHiddenLabel
        placeholder="Any organisation"
        maxLength={64}
        value={values.org}
        onInput={(org) => set({ org: org.replace(/[^\w.-]/g, "") })}
      />
    </FilterBar>
  );
}

function List({
  directory,
  selection,
  filters,
  listKey,
}: {
  directory: Directory;
  selection: Selection;
  filters: PeopleFilters;
  listKey: string;
}) {
  const inView = useSignal<readonly [number, number]>([0, 0]);
  const chosen = selection.ids.value;
  const columns = useMemo(
    () => [choosing(directory, selection, inView), ...COLUMNS],
    [directory, selection, inView],
  );
  const count = directory.count.value;
  // Rows that have come are drawn.
  void directory.version.value;
  if (count === null)
    return directory.problem.value ? null : <Loading label="Loading people" lines={12} />;
  if (count === 0) {
    return (
      <Empty title="Nobody is like that">
        {filters.count > 0 ? "Change or clear the filters." : "There are no accounts yet."}
      </Empty>
    );
  }
  return (
    <div class="fills people">
      <VirtualTable
        caption="People"
        columns={columns}
        count={count}
        rowAt={directory.rowAt}
        rowHeight={ROW_HEIGHT}
        listKey={listKey}
        sorting={SORTINGS[filters.values.sort]}
        onSort={(by) => filters.set({ sort: nextSort(by, filters.values.sort) })}
        onWindow={(first, last) => {
          directory.want(first, last);
          inView.value = [first, last];
        }}
        rowClass={(person) => (chosen.has(person.id) ? "is-chosen" : undefined)}
      />
      <Watched directory={directory} inView={inView} />
      <BulkBar ids={chosen} onClear={selection.clear} onDone={directory.reload} />
    </div>
  );
}

function nextSort(by: string, sort: string): string {
  if (by === "username") return "username";
  return sort === "newest" ? "oldest" : "newest";
}

/** Watches the rows that are drawn. A component of its own, so that scrolling does not draw the page anew. */
function Watched({
  directory,
  inView,
}: {
  directory: Directory;
  inView: Signal<readonly [number, number]>;
}) {
  void directory.version.value;
  useWatch(idsOf(directory, inView.value).map(String));
  return null;
}

// Files come with the token in a header, which a plain link cannot send. Where the browser can write a file as it arrives
// (Chromium), an export of any length goes straight to the disk; elsewhere it is gathered first.

import { useState } from "preact/hooks";
import { answer, type Query } from "../api/client.js";
import { isAborted } from "../api/problem.js";
import { tell, tellProblem } from "../state/toasts.js";
import { Icon } from "./Icon.js";
import { Menu } from "./Menu.js";

type Format = "csv" | "ndjson" | "json";

interface SavePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}

const FORMAT_WORDS: Record<Format, string> = {
  csv: "CSV, for spreadsheets",
  ndjson: "NDJSON, a line each",
  json: "JSON",
};

/** A menu of the formats in which a list can be taken out. The service keeps a record of each export. */
export function Download({
  path,
  query = {},
  name,
  formats = ["csv", "ndjson", "json"],
  label = "Export",
}: {
  path: string;
  query?: Query;
  /** The file's name without its end. */
  name: string;
  formats?: readonly Format[];
  label?: string;
}) {
  const [isBusy, setBusy] = useState(false);
  const save = async (format: Format) => {
    setBusy(true);
    try {
      await download(path, { ...query, format }, `${name}.${format}`);
      tell(`${name}.${format} is saved.`);
    } catch (error) {
      if (!isAborted(error)) tellProblem("Nothing was exported", error);
    }
    setBusy(false);
  };
  return (
    <Menu
      items={formats.map((format) => ({
        words: FORMAT_WORDS[format],
        icon: "download" as const,
        onSelect: () => void save(format),
      }))}
    >
      <Icon name="download" size={16} /> {isBusy ? "Exporting…" : label}{" "}
      <Icon name="down" size={14} />
    </Menu>
  );
}

/** Saves the answer of `path` as a file. An `AbortError` says that the person changed their mind. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const picker = (window as SavePicker).showSaveFilePicker;
  if (picker) {
    const handle = await picker.call(window, { suggestedName: name });
    const response = await answer(path, { query });
    await response.body?.pipeTo(await handle.createWritable());
    return;
  }
  const blob = await (await answer(path, { query })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

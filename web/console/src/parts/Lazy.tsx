// What is loaded when it is first shown. It stays, so that it is there at once the next time.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Problem } from "../api/problem.js";
import { ErrorNotice, Loading } from "./Notices.js";

/** Loads a component that is the default export of its file. */
export type Load<Props> = () => Promise<{ default: ComponentType<Props> }>;

// biome-ignore lint/suspicious/noExplicitAny: each component goes with the props of its own loader
const loaded = new Map<Load<any>, ComponentType<any>>();

/** Shows what `load` brings, with `props`. `load` must be the same function each time. */
export function Lazy<Props extends object>({
  load,
  label,
  props,
}: {
  load: Load<Props>;
  /** What is being loaded, for screen readers. */
  label: string;
  props: Props;
}) {
  const [, setRound] = useState(0);
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    if (loaded.has(load)) return;
    load().then(
      (module) => {
        loaded.set(load, module.default);
        setRound((was) => was + 1);
      },
      () => setFailed(true),
    );
  }, [load]);
  const Shown: ComponentType<Props> | undefined = loaded.get(load);
  if (Shown) return <Shown {...props} />;
  if (!hasFailed) return <Loading label={`Loading ${label}`} />;
  // After an update of the service the files of the page that is open are gone.
  const problem = new Problem(
    0,
    "unreachable",
    "This part could not be loaded. Reload the console.",
  );
  return <ErrorNotice problem={problem} onRetry={() => location.reload()} />;
}

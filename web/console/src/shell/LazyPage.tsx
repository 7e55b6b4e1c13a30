// A page that is loaded when it is first opened. What was loaded stays, so going back is immediate.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asProblem, Problem } from "../api/problem.js";
import type { Page } from "../pages.js";
import { ErrorNotice, Loading } from "../parts/index.js";

const loaded = new Map<Page, ComponentType>();

/** Shows a page. */
export function LazyPage({ page }: { page: Page }) {
  const [, setLoaded] = useState(0);
  const [problem, setProblem] = useState<Problem | null>(null);
  const Shown = loaded.get(page);
  useEffect(() => {
    if (loaded.has(page)) return;
    page.load().then(
      (module) => {
        loaded.set(page, module.default);
        setLoaded((was) => was + 1);
      },
      // After an update of the service the old page's files are gone.
      () =>
        setProblem(
          new Problem(0, "unreachable", "This page could not be loaded. Reload the console."),
        ),
    );
  }, [page]);
  if (Shown) return <Shown />;
  if (problem)
    return <ErrorNotice problem={asProblem(problem)} onRetry={() => location.reload()} />;
  return <Loading label={`Loading ${page.title}`} />;
}

// A person by name, as a link to their page. Ids of other issuers' people are their names.

import { navigate } from "wouter-preact/use-browser-location";
import { nameOf } from "../state/names.js";

const BASE = import.meta.env.BASE_URL.replace(/\/$/, "");

/** The address of somebody's page. */
export function personHref(id: string | number): string {
  return `/people/${encodeURIComponent(String(id))}`;
}

/** Somebody's name; their id until it is known. */
export function PersonLink({ id, name }: { id: string | number | null; name?: string }) {
  if (id === null) return <span class="faint">erased</span>;
  const href = `${BASE}${personHref(id)}`;
  return (
    <a href={href} class="person-link" onClick={follow}>
      {name ?? nameOf(String(id)).value ?? `#${id}`}
    </a>
  );
}

/** Lists hold many of these, so they are plain links and not the router's, each of which listens to the address. */
function follow(event: MouseEvent): void {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)
    return;
  event.preventDefault();
  navigate((event.currentTarget as HTMLAnchorElement).href);
}

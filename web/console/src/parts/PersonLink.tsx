// A person by name, as a link to their page. Ids of other issuers' people are their names.

import { Link } from "wouter-preact";
import { nameOf } from "../state/names.js";

/** The address of somebody's page. */
export function personHref(id: string | number): string {
  return `/people/${encodeURIComponent(String(id))}`;
}

/** Somebody's name; their id until it is known. */
export function PersonLink({ id, name }: { id: string | number | null; name?: string }) {
  if (id === null) return <span class="faint">erased</span>;
  return (
    <Link href={personHref(id)} class="person-link">
      {name ?? nameOf(String(id)).value ?? `#${id}`}
    </Link>
  );
}

// Rows of tabs scroll sideways on a phone; the one that is open must not be out of sight.

import { useEffect } from "preact/hooks";

/** Brings the open tab into sight whenever `key` changes. */
export function useTabInView(key: string): void {
  useEffect(() => {
    if (!key) return;
    const tab = document.querySelector(".tab[aria-current]");
    tab?.scrollIntoView({ inline: "center", block: "nearest" });
  }, [key]);
}

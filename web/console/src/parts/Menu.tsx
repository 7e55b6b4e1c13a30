// A menu behind a button: arrow keys, Home, End, Escape and the first letter work as everywhere.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon.js";

/** One entry of a menu. */
export interface MenuItem {
  words: ComponentChildren;
  icon?: IconName;
  isDangerous?: boolean;
  /** Of a choice: whether this one is chosen. */
  isChosen?: boolean;
  onSelect: () => void;
}

/** A button that opens a menu. Entries that are `false` or `null` are left out. */
export function Menu({
  label,
  children,
  items,
  buttonClass = "button",
  side = "end",
}: {
  /** For screen readers, where `children` is no text. */
  label?: string;
  children: ComponentChildren;
  items: readonly (MenuItem | false | null)[];
  buttonClass?: string;
  /** With which side of the button the menu lines up. */
  side?: "start" | "end";
}) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (returnsFocus: boolean) => {
    setOpen(false);
    if (returnsFocus) button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    entriesOf(root.current)[0]?.focus();
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [isOpen]);
  return (
    <div class="menu" ref={root}>
      <button
        ref={button}
        type="button"
        class={buttonClass}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        aria-label={label}
        onClick={() => setOpen(!isOpen)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {children}
      </button>
      {isOpen && (
        <div
          id={id}
          role="menu"
          class="menu-list"
          data-side={side}
          tabIndex={-1}
          onKeyDown={(event) => onMenuKey(event, root.current, close)}
        >
          {items.map(
            (item) =>
              item && <Entry key={String(item.words)} item={item} onChosen={() => close(true)} />,
          )}
        </div>
      )}
    </div>
  );
}

function Entry({ item, onChosen }: { item: MenuItem; onChosen: () => void }) {
  const role =
    item.isChosen === undefined
      ? ({ role: "menuitem" } as const)
      : ({ role: "menuitemradio", "aria-checked": item.isChosen } as const);
  return (
    <button
      type="button"
      {...role}
      class={item.isDangerous ? "menu-item is-danger" : "menu-item"}
      tabIndex={-1}
      onClick={() => {
        onChosen();
        item.onSelect();
      }}
    >
      {item.icon && <Icon name={item.icon} size={16} />}
      <span>{item.words}</span>
      {item.isChosen && <Icon name="check" size={16} />}
    </button>
  );
}

function entriesOf(root: HTMLElement | null): HTMLElement[] {
  return Array.from(root?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? []);
}

function onMenuKey(
  event: KeyboardEvent,
  root: HTMLElement | null,
  close: (returnsFocus: boolean) => void,
): void {
  const entries = entriesOf(root);
  const at = entries.indexOf(document.activeElement as HTMLElement);
  const steps: Record<string, number> = {
    ArrowDown: (at + 1) % entries.length,
    ArrowUp: (at - 1 + entries.length) % entries.length,
    Home: 0,
    End: entries.length - 1,
  };
  const step = steps[event.key];
  if (event.key === "Tab") {
    close(false);
    return;
  }
  if (event.key === "Escape") close(true);
  else if (step !== undefined) entries[step]?.focus();
  else if (event.key.length === 1) byLetter(entries, at, event.key)?.focus();
  else return;
  if (event.key !== " ") event.preventDefault();
  event.stopPropagation();
}

function byLetter(entries: HTMLElement[], at: number, key: string): HTMLElement | undefined {
  const later = [...entries.slice(at + 1), ...entries.slice(0, at + 1)];
  return later.find((entry) =>
    entry.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()),
  );
}

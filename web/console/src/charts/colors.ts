// Colours for a canvas.
//
// The palette lives in CSS custom properties that may hold `light-dark()` or name one another; a canvas takes
// plain colours only. So a hidden element wears each colour, and what it looks like is read back.

/** A function that turns CSS colours into plain ones, as they look inside `host` now. */
export function colorsOf(host: Element): (color: string) => string {
  const probe = document.createElement("span");
  probe.hidden = true;
  const known = new Map<string, string>();
  return (color) => {
    let plain = known.get(color);
    if (plain === undefined) {
      probe.style.color = color;
      host.append(probe);
      plain = getComputedStyle(probe).color || color;
      probe.remove();
      known.set(color, plain);
    }
    return plain;
  };
}

/** The colour at a share (0 to 1) of its strength, still to be made plain. */
export function faint(color: string, share: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(share * 100)}%, transparent)`;
}

/**
 * Calls back whenever the page turns dark or light, by the system or by the switch.
 *
 * @returns what ends it
 */
export function onThemeChange(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  const root = new MutationObserver(changed);
  root.observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["class", "data-theme", "style"],
  });
  return () => {
    system.removeEventListener("change", changed);
    root.disconnect();
  };
}

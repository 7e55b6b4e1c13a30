// How keys move a crosshair over a row of points.

/** Where a key moves it to, or `undefined` for keys that are not meant. Both numbers are indices. */
export function moved(key: string, index: number, last: number): number | undefined {
  const far = Math.max(1, Math.round(last / 10));
  const places: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    PageDown: index - far,
    PageUp: index + far,
    Home: 0,
    End: last,
  };
  const next = places[key];
  return next === undefined ? undefined : Math.min(Math.max(next, 0), Math.max(last, 0));
}

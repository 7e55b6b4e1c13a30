// How many people were online, step by step, and what of it a chart draws.

import type { Moment } from "../../api/types.js";

/** A step. */
export interface Point {
  /** Where it begins. */
  at: Moment;
  /** At that moment. */
  users: number;
  /** Within the step. */
  max: number;
  min: number;
  average: number;
}

/** The points with one more where the last step ends: a chart reaches to its last point, and what lies behind is not drawn. */
export function closed(points: readonly Point[], to: Moment): readonly Point[] {
  const last = points.at(-1);
  return last && Date.parse(last.at) < Date.parse(to) ? [...points, { ...last, at: to }] : points;
}

// Charts for the console's pages: `TimeChart` for numbers over time, `BarChart` for counts side by side.

export { momentLabel } from "./axis.js";
export { type Bar, BarChart, type BarChartProps, summariseBars } from "./BarChart.js";
export type { TimeSeries } from "./lanes.js";
export type { Peak, Threshold } from "./plot.js";
export { TimeChart, type TimeChartProps } from "./TimeChart.js";

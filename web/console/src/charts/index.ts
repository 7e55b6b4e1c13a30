/** Charts for the console's pages: `TimeChart` for numbers over time, `BarChart` for counts side by side. */

export { type Bar, BarChart, type BarChartProps, summariseBars } from "./BarChart";
export type { TimeSeries } from "./lanes";
export type { Peak, Threshold } from "./plot";
export { TimeChart, type TimeChartProps } from "./TimeChart";

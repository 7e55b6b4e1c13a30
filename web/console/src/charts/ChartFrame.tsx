// What surrounds every chart: its name, the sentence that says what it shows, and the same numbers as a table.

import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";

/** The numbers behind a chart. */
export interface ChartTable {
  /** The headings; the first one names the rows. */
  columns: readonly string[];
  /** A row for each point, in words. */
  rows: () => readonly (readonly string[])[];
}

/** What the frame is told. */
export interface ChartFrameProps {
  label: string;
  /** Read aloud with the chart; visible only if asked for. */
  summary: string;
  /** Shows the sentence to everybody. */
  showSummary?: boolean;
  table: ChartTable;
  children: ComponentChildren;
}

/** A figure with a caption, a drawing, and a switch to its table. */
export function ChartFrame(props: ChartFrameProps): JSX.Element {
  const [isTable, setTable] = useState(false);
  const summary = useId();
  return (
    <figure class="chart" aria-describedby={summary}>
      <figcaption class="chart-head">
        <span class="chart-label">{props.label}</span>
        <button
          type="button"
          class="chart-switch"
          aria-pressed={isTable}
          onClick={() => setTable(!isTable)}
        >
          Table
        </button>
      </figcaption>
      <p id={summary} class={props.showSummary ? "chart-summary" : "chart-unseen"}>
        {props.summary}
      </p>
      {isTable ? <Numbers label={props.label} table={props.table} /> : props.children}
    </figure>
  );
}

function Numbers({ label, table }: { label: string; table: ChartTable }): JSX.Element {
  const [first, ...others] = table.columns;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse
    <section class="chart-table" tabIndex={0} aria-label={`${label}, as a table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {others.map((name) => (
              <th key={name} scope="col" class="chart-number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows().map(([name, ...values]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, index) => (
                <td key={others[index]} class="chart-number">
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

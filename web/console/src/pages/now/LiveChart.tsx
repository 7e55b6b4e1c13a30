// Who has been present in the last minutes, by status.

import { useMemo } from "preact/hooks";
import { TimeChart } from "../../charts/index.js";
import type { Flow } from "./flow.js";

export default function LiveChart({ flow }: { flow: Flow }) {
  const course = flow.course.value;
  const series = useMemo(
    () => [
      { label: "Online", values: course.online, color: "var(--online)" },
      { label: "Away", values: course.away, color: "var(--away)" },
      { label: "Busy", values: course.busy, color: "var(--busy)" },
    ],
    [course],
  );
  return (
    <section class="section">
      <TimeChart
        label="Present in the last minutes"
        times={course.times}
        series={series}
        stacked
        height={224}
      />
    </section>
  );
}

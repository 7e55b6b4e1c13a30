// How much of something is used.

/** A bar with its words; from 85 % on in the colour of a warning. Without a limit (0) there are words only. */
export function Meter({
  label,
  value,
  limit,
  words,
}: {
  label: string;
  value: number;
  limit: number;
  words: (value: number) => string;
}) {
  const share = limit > 0 ? Math.min(1, value / limit) : 0;
  return (
    <div class="meter" data-full={share >= 0.85}>
      <span class="small soft">
        {label}: {words(value)}
        {limit > 0 ? ` of ${words(limit)}` : ", no limit"}
      </span>
      {limit > 0 && (
        // biome-ignore lint/a11y/useSemanticElements: <meter> cannot be drawn alike by all browsers
        <span
          class="meter-bar"
          role="meter"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={limit}
          aria-valuenow={value}
          aria-valuetext={`${words(value)} of ${words(limit)}`}
        >
          <span style={{ width: `${(share * 100).toFixed(1)}%` }} />
        </span>
      )}
    </div>
  );
}

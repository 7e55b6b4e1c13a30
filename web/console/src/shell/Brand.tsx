// The mark and the name.

export function Brand() {
  return (
    <span class="brand">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" class="brand-ground" />
        <circle cx="11" cy="16" r="4.5" class="brand-dot" />
        <path d="M19 11h6M19 16h6M19 21h4" class="brand-lines" />
      </svg>
      <span class="brand-name">Rollcall</span>
    </span>
  );
}

/** The lines that make a page like this one. */

const LINES = `<script src="/sdk/rollcall.js"></script>

const rc = rollcall.connect({ url: "", token });
rc.watch({ rooms: ["lobby"] }, (view) => show(view));
rc.setStatus("busy", { text: "at lunch" });`;

export function Code() {
  return (
    <section class="card" aria-labelledby="code-title">
      <h2 id="code-title">Three lines</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a narrow screen scrolls it, so the keyboard must reach it */}
      <pre tabIndex={0}>
        <code>{LINES}</code>
      </pre>
    </section>
  );
}

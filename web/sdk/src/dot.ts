// `<rollcall-dot user="42">`: how somebody stands, by colour, shape and word.
//
// Its style is a constructed sheet, which a policy without inline styles allows. Colours are custom properties
// (`--rollcall-online` and so on), the pieces are the parts `dot` and `text`; `words` is said by `label-<status>`.

import { using } from "./index.js";
import type { View } from "./types.js";

const STYLE = `:host{color-scheme:light dark}
i{box-sizing:border-box;display:inline-block;width:.7em;height:.7em;margin-right:.4em;border:.15em solid;border-radius:50%;color:var(--rollcall-offline,GrayText)}
.online{background:currentColor;color:var(--rollcall-online,light-dark(#15803d,#4ade80))}
.away{background:linear-gradient(90deg,currentColor 50%,#0000 0);color:var(--rollcall-away,light-dark(#b45309,#fbbf24))}
.busy{background:currentColor;border-radius:20%;color:var(--rollcall-busy,light-dark(#b91c1c,#f87171))}`;

/** Defines the element; nothing happens where there are none, or where it is defined already. */
export function defineDot(): void {
  if (!globalThis.customElements || customElements.get("rollcall-dot")) return;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);

  class Dot extends HTMLElement {
    static observedAttributes = ["user"];
    #dot = document.createElement("i");
    #text = document.createElement("span");
    #stop: (() => void)[] = [];

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      this.#dot.part.add("dot");
      this.#text.part.add("text");
      root.append(this.#dot, this.#text);
    }

    connectedCallback(): void {
      this.disconnectedCallback();
      this.#show();
      const user = this.getAttribute("user");
      let stop = () => {};
      const leave = using((rc) => {
        stop();
        this.#show();
        if (user) stop = rc.watch(user, (view) => this.#show(view));
      });
      this.#stop = [leave, () => stop()];
    }

    disconnectedCallback(): void {
      for (const stop of this.#stop.splice(0)) stop();
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.connectedCallback();
    }

    #show(view?: View): void {
      const status = view?.status ?? "offline";
      this.#dot.className = status;
      this.#text.textContent = this.getAttribute(`label-${status}`) ?? status;
      this.title = view?.text ?? "";
    }
  }
  customElements.define("rollcall-dot", Dot);
}

defineDot();

// `<rollcall-dot user="42">`: how somebody stands, by colour, shape and word.
//
// Its style is a constructed sheet, which a policy without inline styles allows. Colours are custom properties
// (`--rollcall-online` and so on; those that are there stand out from white and from black), the pieces are the parts `dot` and `text`; `words` is said by `label-<status>`.

import { using } from "./index.js";
import type { View } from "./types.js";

const STYLE = `:host{color-scheme:light dark}
i{box-sizing:border-box;display:inline-block;width:.7em;height:.7em;margin-right:.4em;border:.15em solid;border-radius:50%;color:var(--rollcall-offline,GrayText)}
.online{background:currentColor;color:var(--rollcall-online,#16a34a)}
.away{background:linear-gradient(90deg,currentColor 50%,#0000 0);color:var(--rollcall-away,#d97706)}
.busy{background:currentColor;color:var(--rollcall-busy,#dc2626);border-radius:20%}`;

/** Defines the element; nothing happens where there are none, or where it is defined already. */
export function defineDot(): void {
  if (!globalThis.customElements || customElements.get("rollcall-dot")) return;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);

  class Dot extends HTMLElement {
    static observedAttributes = ["user"];
    #dot = document.createElement("i");
    #text = document.createElement("span");
    #leave = () => {};

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      this.#dot.part.add("dot");
      this.#text.part.add("text");
      root.append(this.#dot, this.#text);
    }

    connectedCallback(): void {
      const user = this.getAttribute("user");
      let stop = () => {};
      this.#leave();
      this.#show();
      const leave = using((rc) => {
        stop();
        if (user) stop = rc.watch(user, (view) => this.#show(view));
      });
      this.#leave = () => {
        leave();
        stop();
      };
    }

    disconnectedCallback(): void {
      this.#leave();
    }

    attributeChangedCallback(): void {
      if (this.isConnected) this.connectedCallback();
    }

    #show({ status = "offline", text = "" }: Partial<View> = {}): void {
      this.#dot.className = status;
      this.#text.textContent = this.getAttribute(`label-${status}`) ?? status;
      this.title = text;
    }
  }
  customElements.define("rollcall-dot", Dot);
}

defineDot();

// `<rollcall-dot user="42">`: how somebody stands, by colour and word.
//
// Its style is a constructed sheet, which a policy without inline styles allows. Colours are custom properties
// (`--rollcall-online` and so on; those that are there stand out from white and from black), the pieces are the parts `dot` and `text`; `words` is said by `label-<status>`.

import { using } from "./index.js";

const STYLE = `i{display:inline-block;padding:.3em;margin-right:.4em;border-radius:1em;background:var(--rollcall-offline,gray)}
.online{background:var(--rollcall-online,#1a4)}
.away{background:var(--rollcall-away,#c70)}
.busy{background:var(--rollcall-busy,#d22);border-radius:0}`;

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
      this.#dot.setAttribute("part", "dot");
      this.#text.setAttribute("part", "text");
      root.append(this.#dot, this.#text);
    }

    connectedCallback(): void {
      const user = this.getAttribute("user");
      let stop = () => {};
      this.#leave();
      this.#show();
      const leave = using((rc) => {
        stop();
        if (user) stop = rc.watch(user, (view) => this.#show(view.status));
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

    #show(status = "offline"): void {
      this.#dot.className = status;
      this.#text.textContent = this.getAttribute(`label-${status}`) ?? status;
    }
  }
  customElements.define("rollcall-dot", Dot);
}

defineDot();

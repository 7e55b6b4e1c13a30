// Rows of long lists are drawn anew only when they change; what they read of signals is followed all the same.

import { Component, type FunctionComponent, h } from "preact";

/** The component, drawn anew only when one of its props is another. */
export function stable<Props extends object>(draw: FunctionComponent<Props>) {
  return class extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const names = Object.keys(next) as (keyof Props)[];
      return names.some((name) => next[name] !== this.props[name]);
    }

    override render() {
      return h(draw, this.props);
    }
  };
}

/**
 * A network that can be dropped: what a tunnel does to a page, without a tunnel. While it is down, nothing is sent and nobody is
 * told: to the service the page has fallen silent, and its lease runs on.
 */
import { signal } from "@preact/signals";

/** Says that something went wrong: to the service no goodbye, which 1000, 1001 and a close without a code would be. */
const LOST = 4000;

const sockets = new Set<WebSocket>();

/** Whether the page has its network. */
export const up = signal(true);

/** Drops the network, or brings it back. */
export function set(on: boolean): void {
  up.value = on;
  if (on) return;
  for (const socket of sockets) socket.close(LOST, "network");
  sockets.clear();
}

/** `fetch`, as long as there is a network. */
export const droppableFetch: typeof fetch = (input, init) =>
  up.value ? fetch(input, init) : Promise.reject(new TypeError("The network is dropped."));

/** `WebSocket`, as long as there is a network; a new one closes at once without it. */
export class DroppableSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    if (up.value) sockets.add(this);
    else this.close();
    this.addEventListener("close", () => sockets.delete(this));
  }
}

// Stands in for @rollcall/sdk until that is built: the same names, and nobody is there.

export type Status = "online" | "busy" | "away" | "offline" | "invisible";
export interface View {
  user_id: string;
  status: Status;
  since: string | null;
  online_since?: string | null;
  last_seen: string | null;
  version: number | null;
  text?: string | null;
  emoji?: string | null;
  devices?: string[];
}
export interface StateEvent {
  state: "connecting" | "live" | "polling" | "waiting" | "stopped";
  reason?: string;
}
export interface Rollcall {
  watch(ids: string[], callback: (view: View) => void): () => void;
  setStatus(
    status: "online" | "busy" | "away" | "invisible",
    more?: { text?: string; emoji?: string; expiresIn?: number },
  ): Promise<void>;
  clearStatus(): Promise<void>;
  get(id: string): View | undefined;
  user: string | undefined;
  state: StateEvent["state"];
  on(name: string, callback: (event: never) => void): () => void;
  close(): Promise<void>;
}
export function connect(_options: {
  url: string;
  token: string | (() => string | Promise<string>);
}): Rollcall {
  return {
    watch: () => () => undefined,
    setStatus: async () => undefined,
    clearStatus: async () => undefined,
    get: () => undefined,
    user: undefined,
    state: "connecting",
    on: () => () => undefined,
    close: async () => undefined,
  };
}

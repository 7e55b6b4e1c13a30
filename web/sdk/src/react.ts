// React: a provider, and hooks that follow one person or hand out the connection. Works in StrictMode, and on a server,
// where nobody is connected and everybody's presence is unknown.

import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from "react";
import { connect } from "./index.js";
import type { Options, Rollcall, View } from "./types.js";

const Connection = createContext<Rollcall | undefined>(undefined);

/** Either a connection, which stays the application's to close, or how to make one, which lives with the component. */
export type RollcallProviderProps = { readonly children?: ReactNode } & (
  | { readonly client: Rollcall }
  | (Options & { readonly client?: undefined })
);

/** Gives all components below it a connection. Options are read when it is mounted, and when `url` changes. */
export function RollcallProvider(props: RollcallProviderProps): ReactNode {
  const { client, children } = props;
  const [made, setMade] = useState<Rollcall>();
  const url = client ? undefined : props.url;
  // biome-ignore lint/correctness/useExhaustiveDependencies: an object of options that is made anew is no new connection.
  useEffect(() => {
    if (client) return;
    const rc = connect(props);
    setMade(rc);
    return () => void rc.close();
  }, [client, url]);
  return createElement(Connection.Provider, { value: client ?? made }, children);
}

/** The connection; `undefined` on the server and before the provider is mounted. */
export const useRollcall = (): Rollcall | undefined => useContext(Connection);

/** How somebody stands; `undefined` until that is known. */
export function usePresence(id: string): View | undefined {
  const rc = useRollcall();
  const subscribe = useCallback(
    (changed: () => void) => rc?.watch(id, changed) ?? (() => {}),
    [rc, id],
  );
  return useSyncExternalStore(
    subscribe,
    () => rc?.get(id),
    () => undefined,
  );
}

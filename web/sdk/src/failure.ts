// What goes wrong, by code, and what becomes of errors that an application's own callbacks throw.

/** Whom a failure stops: nobody, this tab, or all tabs of the login. */
export const GOES_ON = 0;
export const STOPS_TAB = 1;
export const STOPS_ALL = 2;

/** Something was not done. `code` is the service's, or `unreachable`, `token_failed`, `invalid_value` and the like. */
export class Failure extends Error {
  readonly code: string;
  /** Worth trying again after so many ms. */
  readonly after: number;
  /** Whom it stops. */
  readonly stops: number;

  constructor(code: string, detail: string = code, after: number = 0, stops: number = GOES_ON) {
    super(detail);
    this.code = code;
    this.after = after;
    this.stops = stops;
  }
}

/** The failure behind whatever was thrown. */
export const failureOf = (error: unknown, code: string): Failure =>
  error instanceof Failure ? error : new Failure(code, String(error));

/** Calls back into the application; what it throws is its own, and reaches the page's error handlers, not the client. */
export function safely<Event>(callback: (event: Event) => void, event: Event): void {
  try {
    callback(event);
  } catch (error) {
    if (typeof reportError === "function") reportError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }
}

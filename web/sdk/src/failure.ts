// What goes wrong, by code, and what becomes of errors that an application's own callbacks throw.

/** Something was not done. `code` is the service's, or one of the client's own, which docs/sdk.md lists. */
export class Failure extends Error {
  declare readonly code: string;
  /** What went wrong, for people. */
  declare readonly detail: string;
  /** Worth trying again after so many ms. */
  declare readonly after: number;

  constructor(code: string, detail: string = code, after: number = 0) {
    super(detail);
    Object.assign(this, { code, detail, after });
  }
}

/** The failure behind whatever was thrown. */
export const failureOf = (error: unknown, code: string): Failure =>
  error instanceof Failure ? error : new Failure(code, `${error}`);

/** Whether that is the end: of the account's right to be here, of the login, or of what this tab can do. */
export const isFinal = (code: string): boolean =>
  /^(login_|account_|user_changed|token_missing)/.test(code);

/** Calls back into the application; what it throws is its own, and reaches the page's error handlers, not the client. */
export function safely<Event>(callback: (event: Event) => void, event: Event): void {
  try {
    callback(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

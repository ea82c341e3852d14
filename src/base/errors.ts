/**
 * The one error type of Weir for everything that is neither a bug (see assert.ts) nor an expected result of a request
 * (see outcomes.ts): wrong configuration, a port in use, a missing library. It always tells the reader what to do.
 */

/** Process exit codes, the same for every command. */
export const ExitCode = {
  passed: 0,
  bug: 1,
  wrongUse: 2,
  thresholdFailed: 3,
  couldNotMeasure: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An operational error. `code` is stable and dotted (`listener.address-in-use`); `hint` says what to do next. */
export class WeirError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exitCode: ExitCode;

  constructor(
    code: string,
    message: string,
    options: { hint: string; cause?: unknown; exitCode?: ExitCode } = { hint: "" },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "WeirError";
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? ExitCode.wrongUse;
  }
}

/**
 * What a conformance case is: bytes of a client, and what a server that keeps to the RFC does about them. The same cases run
 * against the state machine alone and against a gateway's socket.
 *
 * The server under test answers every request with 200: `/` with `hello`, `/bytes/N` with N bytes, `/echo` with the request's
 * body. `/hold` is never answered, and its body never read.
 */

export const Code = {
  none: 0,
  protocol: 1,
  internal: 2,
  flow: 3,
  closed: 5,
  size: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

/** Bytes to send, or something to wait for before sending more. */
export type Step = Uint8Array | { readonly until: "answered"; readonly stream: number } | { readonly until: "ping" };

export type Expectation =
  /** GOAWAY with one of the codes, and the end of the connection. */
  | { readonly connection: readonly number[] }
  /** RST_STREAM with one of the codes; the connection lives. */
  | { readonly reset: number; readonly codes: readonly number[] }
  /** Each stream is answered; the connection lives. */
  | { readonly answers: Readonly<Record<number, { readonly status?: number; readonly bytes?: number }>> }
  /** Nothing: the connection lives. */
  | { readonly alive: true };

export interface Case {
  /** `RFC section: what the client does`. */
  readonly name: string;
  readonly steps: readonly Step[];
  readonly expect: Expectation;
  /** Send the steps as they are: without the preface and SETTINGS that otherwise go first. */
  readonly isBare?: boolean;
  /** Only for the state machine: a gateway has other places to keep bytes. */
  readonly isPure?: boolean;
}

export function endsConnection(name: string, code: number | readonly number[], ...steps: Step[]): Case {
  return { name, steps, expect: { connection: typeof code === "number" ? [code] : code } };
}

export function resets(name: string, stream: number, code: number, ...steps: Step[]): Case {
  return { name, steps, expect: { reset: stream, codes: [code] } };
}

export function answers(name: string, streams: readonly number[], ...steps: Step[]): Case {
  return { name, steps, expect: { answers: Object.fromEntries(streams.map((id) => [id, { status: 200 }])) } };
}

export function survives(name: string, ...steps: Step[]): Case {
  return { name, steps, expect: { alive: true } };
}

export const answered = (stream: number): Step => ({ until: "answered", stream });
export const pinged: Step = { until: "ping" };

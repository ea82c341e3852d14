/**
 * Answers the gateway gives by itself: one prepared problem document (RFC 9457) for each outcome that has a status, and the
 * fixed answers and redirects of routes. Prepared once; sending one copies bytes. @hot
 *
 * A prepared answer has everything but the fields that depend on the moment (Date, Connection) and the empty line.
 */
import { latin1, Outcome, type OutcomeRow, outcomeCodesCount, outcomeRows } from "../base/mod.ts";
import { reasonPhrase } from "../protocols/mod.ts";

export interface LocalAnswer {
  readonly outcome: number;
  readonly status: number;
  /** Status line and fields, each with its line end. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /** Fields by lower-case name, for protocols that do not write text. */
  readonly fields: readonly (readonly [string, string])[];
  /** The connection is not used again: where the next request begins is not certain. */
  readonly closes: boolean;
}

/** After these the bytes that follow on the connection cannot be trusted, or nobody waits for them. */
const closing = new Set<number>([
  Outcome.malformedRequest,
  Outcome.ambiguousFraming,
  Outcome.badHost,
  Outcome.headTooLarge,
  Outcome.targetTooLong,
  Outcome.bodyTooLarge,
  Outcome.versionNotSupported,
  Outcome.transferCodingNotSupported,
  Outcome.methodNotSupported,
  Outcome.expectationFailed,
  Outcome.headTimeout,
  Outcome.bodyTimeout,
  Outcome.malformedBody,
  Outcome.tooManyConnections,
  Outcome.tooManyClientConnections,
  Outcome.draining,
]);

/** Seconds after which a client may try again, for the outcomes that pass by themselves. */
const RETRY_AFTER_SECONDS = 1;

/** Prepares an answer. @cold */
export function prepareAnswer(
  outcome: number,
  status: number,
  fields: readonly (readonly [string, string])[],
  body: Uint8Array,
  closes = false,
): LocalAnswer {
  const hasBody = status !== 204 && status !== 304;
  const all: (readonly [string, string])[] = hasBody
    ? [...fields, ["content-length", String(body.length)]]
    : [...fields];
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${lines}`, "latin1");
  return { outcome, status, head, body: hasBody ? body : latin1(""), fields: all, closes };
}

/** The problem document of an outcome, with fields of its own. @cold */
export function prepareProblem(row: OutcomeRow, more: readonly (readonly [string, string])[] = []): LocalAnswer {
  const problem = { type: `urn:weir:outcome:${row.name}`, title: row.title, status: row.status, outcome: row.name };
  const fields: (readonly [string, string])[] = [
    ["content-type", "application/problem+json"],
    ["cache-control", "no-store"],
    ...more,
  ];
  if (row.status === 426) fields.push(["sec-websocket-version", "13"]);
  if (row.status === 503) fields.push(["retry-after", String(RETRY_AFTER_SECONDS)]);
  const body = Buffer.from(`${JSON.stringify(problem)}\n`);
  return prepareAnswer(row.code, row.status, fields, body, closing.has(row.code));
}

const prepared: (LocalAnswer | undefined)[] = new Array<LocalAnswer | undefined>(outcomeCodesCount).fill(undefined);
for (const row of outcomeRows) {
  if (row.status !== 0) prepared[row.code] = prepareProblem(row);
}

/** The problem answer of an outcome that has one; others are bugs and answer as such. */
export function answerOf(outcome: number): LocalAnswer {
  return prepared[outcome] ?? prepared[Outcome.internal]!;
}

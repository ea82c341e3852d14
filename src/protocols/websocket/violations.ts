/**
 * Every way a peer can break WebSocket's framing, in one table: what it is, the close code the RFC asks for, and the section
 * with the rule.
 */

/** Close codes (RFC 6455 §7.4.1 and the IANA registry). */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** Never on the wire: a close frame without a code. */
  noStatus: 1005,
  /** Never on the wire: the connection broke. */
  abnormal: 1006,
  invalidData: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  mandatoryExtension: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badGateway: 1014,
} as const;

export interface WebSocketViolationRow {
  readonly id: number;
  readonly name: string;
  readonly closeCode: number;
  readonly rule: string;
  readonly title: string;
}

type Seed = readonly [code: keyof typeof CloseCode, rule: string, title: string];

/** In the order of their ids, which start at 1. New rows go to the end. */
const seeds = {
  reservedBits: ["protocolError", "RFC 6455 5.2", "A reserved bit is set that no extension has given a meaning."],
  opcode: ["protocolError", "RFC 6455 5.2", "The opcode is reserved."],
  unmasked: ["protocolError", "RFC 6455 5.1", "A client's frame is not masked."],
  masked: ["protocolError", "RFC 6455 5.1", "A server's frame is masked."],
  lengthForm: ["protocolError", "RFC 6455 5.2", "The length is not in its shortest form, or over 63 bits."],
  controlLength: ["protocolError", "RFC 6455 5.5", "A control frame has more than 125 bytes."],
  controlFragment: ["protocolError", "RFC 6455 5.5", "A control frame is fragmented."],
  controlCompressed: ["protocolError", "RFC 7692 6.1", "A control frame is marked as compressed."],
  continuation: ["protocolError", "RFC 6455 5.4", "A continuation frame continues no message."],
  interleaved: ["protocolError", "RFC 6455 5.4", "A message begins within another."],
  continuationCompressed: ["protocolError", "RFC 7692 6.1", "A continuation frame is marked as compressed."],
  text: ["invalidData", "RFC 6455 8.1", "A text message is not UTF-8."],
  closeLength: ["protocolError", "RFC 6455 5.5.1", "A close frame has one byte."],
  closeCode: ["protocolError", "RFC 6455 7.4", "The close code must not be sent."],
  closeReason: ["invalidData", "RFC 6455 5.5.1", "The reason of a close frame is not UTF-8."],
  frameTooLarge: ["messageTooBig", "limit", "The frame is over the limit."],
  messageTooLarge: ["messageTooBig", "limit", "The message is over the limit."],
  fragments: ["policyViolation", "limit", "The message has too many fragments."],
} as const satisfies Record<string, Seed>;

export type WebSocketViolationName = keyof typeof seeds;

export const webSocketViolationRows: readonly WebSocketViolationRow[] = Object.entries(seeds).map(
  ([name, seed], index) => ({ id: index + 1, name, closeCode: CloseCode[seed[0]], rule: seed[1], title: seed[2] }),
);

/** Ids by name. 0 is no violation. */
export const WebSocketViolation = Object.fromEntries(webSocketViolationRows.map((row) => [row.name, row.id])) as {
  readonly [Name in WebSocketViolationName]: number;
};

const closeCodes = Int32Array.from([0, ...webSocketViolationRows.map((row) => row.closeCode)]);

/** The close code of a violation. */
export function violationCloseCode(id: number): number {
  return closeCodes[id]!;
}

/** The row of a violation; asking for an unknown one is a bug. */
export function webSocketViolationRow(id: number): WebSocketViolationRow {
  const row = webSocketViolationRows[id - 1];
  if (row === undefined) throw new RangeError(`no WebSocket violation has the id ${id}`);
  return row;
}

/** Whether a close frame may carry the code: those of the registry that go over the wire, and 3000 to 4999. */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= CloseCode.badGateway && code !== 1004 && code !== 1005 && code !== 1006;
}

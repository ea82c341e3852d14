/**
 * Every way a peer can break HTTP/2, in one table: what it is, the error code the RFC asks for, whether it ends the stream
 * or the connection, and the section with the rule. The state machine reports a row's `id`; metrics, logs and the
 * conformance cases name rows, so that a refusal is never silent and never vague.
 */

/** Error codes (RFC 9113 §7). */
export const ErrorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

export type ViolationScope = "connection" | "stream";

export interface ViolationRow {
  readonly id: number;
  readonly name: string;
  /** The error code sent to the peer. */
  readonly code: number;
  readonly scope: ViolationScope;
  /** The rule: an RFC and section, or `limit` for a limit of ours. */
  readonly rule: string;
  readonly title: string;
}

type Seed = readonly [code: keyof typeof ErrorCode, scope: ViolationScope, rule: string, title: string];

/** In the order of their ids, which start at 1; 0 is `none`. New rows go to the end. */
const seeds = {
  // The connection.
  preface: ["protocolError", "connection", "RFC 9113 3.4", "The connection preface is wrong."],
  firstFrame: ["protocolError", "connection", "RFC 9113 3.4", "The first frame is not SETTINGS."],
  frameTooLarge: ["frameSizeError", "connection", "RFC 9113 4.2", "The frame is over SETTINGS_MAX_FRAME_SIZE."],
  frameSize: ["frameSizeError", "connection", "RFC 9113 4.2", "The frame's length does not fit its type."],
  zeroStream: ["protocolError", "connection", "RFC 9113 6", "The frame needs a stream and names none."],
  nonzeroStream: [
    "protocolError",
    "connection",
    "RFC 9113 6",
    "The frame belongs to the connection and names a stream.",
  ],
  padding: ["protocolError", "connection", "RFC 9113 6.1", "The padding is as long as the frame, or longer."],
  pushPromise: ["protocolError", "connection", "RFC 9113 8.4", "A push was promised that nobody may promise."],
  continuationExpected: ["protocolError", "connection", "RFC 9113 6.10", "A field block was left without its end."],
  continuationUnexpected: ["protocolError", "connection", "RFC 9113 6.10", "CONTINUATION follows no open field block."],
  compression: ["compressionError", "connection", "RFC 7541 3", "The field block cannot be decoded."],
  // Settings.
  settingValue: ["protocolError", "connection", "RFC 9113 6.5.2", "A setting has a forbidden value."],
  settingWindow: ["flowControlError", "connection", "RFC 9113 6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE is over 2^31-1."],
  settingsWindowOverflow: [
    "flowControlError",
    "connection",
    "RFC 9113 6.9.2",
    "The new initial window overflows a stream's.",
  ],
  settingsAck: ["protocolError", "connection", "RFC 9113 6.5.3", "Settings were acknowledged that were never sent."],
  // Streams.
  streamParity: ["protocolError", "connection", "RFC 9113 5.1.1", "The stream id belongs to the other side."],
  streamOrder: ["protocolError", "connection", "RFC 9113 5.1.1", "The stream id is lower than an earlier one."],
  idleStream: ["protocolError", "connection", "RFC 9113 5.1", "The frame is not allowed on an idle stream."],
  closedStream: ["streamClosed", "connection", "RFC 9113 5.1", "The frame came after the stream had ended."],
  halfClosedStream: ["streamClosed", "stream", "RFC 9113 5.1", "The frame came after END_STREAM."],
  refusedStream: ["refusedStream", "stream", "RFC 9113 5.1.2", "More streams are open than SETTINGS allow."],
  // Flow control.
  windowZero: ["protocolError", "connection", "RFC 9113 6.9", "The connection's window is to grow by nothing."],
  windowZeroStream: ["protocolError", "stream", "RFC 9113 6.9", "The stream's window is to grow by nothing."],
  windowOverflow: ["flowControlError", "connection", "RFC 9113 6.9.1", "The connection's window passes 2^31-1."],
  windowOverflowStream: ["flowControlError", "stream", "RFC 9113 6.9.1", "The stream's window passes 2^31-1."],
  flowControl: [
    "flowControlError",
    "connection",
    "RFC 9113 6.9.1",
    "More was sent than the connection's window allows.",
  ],
  flowControlStream: ["flowControlError", "stream", "RFC 9113 6.9.1", "More was sent than the stream's window allows."],
  // Messages.
  nameUppercase: ["protocolError", "stream", "RFC 9113 8.2.1", "A field name has an uppercase letter."],
  nameInvalid: ["protocolError", "stream", "RFC 9113 8.2.1", "A field name is empty or has a forbidden character."],
  valueInvalid: ["protocolError", "stream", "RFC 9113 8.2.1", "A field value has a forbidden character."],
  connectionField: ["protocolError", "stream", "RFC 9113 8.2.2", "A connection-specific field is present."],
  teField: ["protocolError", "stream", "RFC 9113 8.2.2", "TE says something other than trailers."],
  pseudoUnknown: [
    "protocolError",
    "stream",
    "RFC 9113 8.3",
    "A pseudo-field is unknown or not of this kind of message.",
  ],
  pseudoDuplicate: ["protocolError", "stream", "RFC 9113 8.3", "A pseudo-field is repeated."],
  pseudoOrder: ["protocolError", "stream", "RFC 9113 8.3", "A pseudo-field follows a regular field."],
  pseudoMissing: ["protocolError", "stream", "RFC 9113 8.3.1", "A pseudo-field is missing."],
  pseudoTrailers: ["protocolError", "stream", "RFC 9113 8.1", "Trailers have a pseudo-field."],
  methodInvalid: ["protocolError", "stream", "RFC 9113 8.3.1", "The method is not a token."],
  schemeInvalid: ["protocolError", "stream", "RFC 9113 8.3.1", "The scheme is not a URI scheme."],
  pathInvalid: ["protocolError", "stream", "RFC 9113 8.3.1", "The path is empty or not in origin form."],
  authorityInvalid: [
    "protocolError",
    "stream",
    "RFC 9113 8.3.1",
    "The authority is missing, malformed or has userinfo.",
  ],
  authorityMismatch: ["protocolError", "stream", "RFC 9113 8.3.1", "Host is repeated or differs from the authority."],
  connectForm: ["protocolError", "stream", "RFC 9113 8.5", "CONNECT has the wrong pseudo-fields."],
  protocolInvalid: ["protocolError", "stream", "RFC 8441 4", "The :protocol pseudo-field is not allowed here."],
  statusInvalid: ["protocolError", "stream", "RFC 9113 8.3.2", "The status is not three digits from 100 to 599."],
  switchingProtocols: ["protocolError", "stream", "RFC 9113 8.6", "The status 101 does not exist in HTTP/2."],
  informationalEnd: ["protocolError", "stream", "RFC 9113 8.1", "An informational answer ends the stream."],
  contentLengthInvalid: ["protocolError", "stream", "RFC 9110 8.6", "Content-Length is not one number."],
  contentLengthMismatch: ["protocolError", "stream", "RFC 9113 8.1.1", "Content-Length differs from the body."],
  trailersOpen: ["protocolError", "stream", "RFC 9113 8.1", "A second field block does not end the stream."],
  dataBeforeHead: ["protocolError", "stream", "RFC 9113 8.1", "DATA came before the head of the message."],
  // Limits of ours: floods end the connection.
  headTooLarge: ["enhanceYourCalm", "stream", "limit", "The head is over SETTINGS_MAX_HEADER_LIST_SIZE."],
  fieldBlockTooLarge: ["enhanceYourCalm", "connection", "limit", "The field block is far over the limit of a head."],
  continuationFlood: ["enhanceYourCalm", "connection", "limit", "A field block has too many CONTINUATION frames."],
  resetFlood: ["enhanceYourCalm", "connection", "limit", "Too many streams are opened and reset."],
  settingsFlood: ["enhanceYourCalm", "connection", "limit", "Too many SETTINGS frames."],
  pingFlood: ["enhanceYourCalm", "connection", "limit", "Too many PING frames."],
  emptyFrameFlood: ["enhanceYourCalm", "connection", "limit", "Too many frames that carry nothing."],
  windowFlood: ["enhanceYourCalm", "connection", "limit", "Too many WINDOW_UPDATE frames for what was sent."],
  controlFlood: ["enhanceYourCalm", "connection", "limit", "Too many PRIORITY or unknown frames."],
  backlogFlood: ["enhanceYourCalm", "connection", "limit", "Frames are owed that the peer does not read."],
  largeHeadFlood: ["enhanceYourCalm", "connection", "limit", "Too many heads are over the limit."],
} as const satisfies Record<string, Seed>;

export type ViolationName = keyof typeof seeds;

/** All rows, by id. */
export const violationRows: readonly ViolationRow[] = Object.entries(seeds).map(([name, seed], index) => ({
  id: index + 1,
  name,
  code: ErrorCode[seed[0]],
  scope: seed[1],
  rule: seed[2],
  title: seed[3],
}));

/** Ids by name: `Violation.preface`. 0 is no violation. */
export const Violation = Object.fromEntries(violationRows.map((row) => [row.name, row.id])) as {
  readonly [Name in ViolationName]: number;
};

const errorCodes = Int32Array.from([0, ...violationRows.map((row) => row.code)]);

/** The error code of a violation; allocates nothing. */
export function violationCode(id: number): number {
  return errorCodes[id]!;
}

/** Whether a limit was passed that only floods pass; a head over its limit is no flood by itself. */
export function isFlood(id: number): boolean {
  return violationCode(id) === ErrorCode.enhanceYourCalm && id !== Violation.headTooLarge;
}

/** The row of a violation; asking for an unknown one is a bug. */
export function violationRow(id: number): ViolationRow {
  const row = violationRows[id - 1];
  if (row === undefined) throw new RangeError(`no HTTP/2 violation has the id ${id}`);
  return row;
}

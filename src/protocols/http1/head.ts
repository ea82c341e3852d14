/**
 * A parsed head: offsets into the bytes it was read from, never copies. @hot
 *
 * One record serves a whole worker: a head is only valid until the next parse into the same record, and as long as the
 * bytes it points to stay where they are.
 *
 *     GET http://a.example:81/b?c HTTP/1.1
 *         |      |            ||
 *         |      |            |pathEnd .. queryEnd
 *         |      |            pathStart .. pathEnd
 *         |      authorityStart .. authorityEnd
 *         schemeStart .. schemeEnd, targetStart .. targetEnd
 */
import { fieldNames } from "./fields.ts";

export const Method = {
  other: 0,
  get: 1,
  head: 2,
  post: 3,
  put: 4,
  delete: 5,
  options: 6,
  patch: 7,
  connect: 8,
  trace: 9,
} as const;
export type Method = (typeof Method)[keyof typeof Method];

/** How the length of a body is known. */
export const BodyKind = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind];

/** The four forms of a request target (RFC 9112 section 3.2). */
export const TargetForm = { origin: 0, absolute: 1, authority: 2, asterisk: 3 } as const;
export type TargetForm = (typeof TargetForm)[keyof typeof TargetForm];

/** Bounds of everything a peer could make long. */
export interface Http1Limits {
  /** From the first byte to the end of the empty line. */
  readonly headBytesMax: number;
  readonly targetBytesMax: number;
  readonly fieldsMax: number;
  /** The extensions of one chunk. */
  readonly chunkExtensionBytesMax: number;
  readonly trailerBytesMax: number;
}

export const defaultHttp1Limits: Http1Limits = {
  headBytesMax: 32_768,
  targetBytesMax: 8_192,
  fieldsMax: 100,
  chunkExtensionBytesMax: 256,
  trailerBytesMax: 8_192,
};

export class MessageHead {
  bytes: Uint8Array = new Uint8Array(0);
  /** First byte, behind the empty lines that may precede a request. */
  start = 0;
  /** One past the empty line that ends the head. */
  end = 0;

  methodId: number = Method.other;
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  targetForm: number = TargetForm.origin;
  /** Empty unless the target is in absolute form. */
  schemeStart = 0;
  schemeEnd = 0;
  /** The host the request is for: of an absolute or authority form, else the value of Host; may be empty. */
  authorityStart = 0;
  authorityEnd = 0;
  /** One past the host within the authority: what follows is ":" and the port, or nothing. */
  authorityHostEnd = 0;
  /** Without query. Empty for the authority and asterisk forms and for an absolute form without one. */
  pathStart = 0;
  pathEnd = 0;
  /** The query with its "?" is `[pathEnd, queryEnd)`. */
  queryEnd = 0;

  /** 0 or 1 of HTTP/1.x. */
  versionMinor = 1;
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;

  fieldCount = 0;
  readonly fieldsMax: number;
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  readonly fieldId: Uint8Array;
  /** 1 where the field belongs to this connection and must not be passed on. */
  readonly isHopByHop: Uint8Array;
  /** 1 where the line reads exactly `name: value` CRLF, so that neighbours can be copied in one piece. */
  readonly isCanonical: Uint8Array;
  /** 1 where HTTP/2 said that no table may keep the field (RFC 7541 section 7.1.3); 0 in heads read from HTTP/1.1. */
  readonly isSensitive: Uint8Array;
  /** Bit `1 << id` for every id below 32 that occurs more than once. */
  repeatedMask = 0;
  /** Index of the first field of an id; only meaningful where that field has the id, see `indexOf`. */
  readonly firstIndex: Int32Array;

  bodyKind: number = BodyKind.none;
  /** Of the body where `bodyKind` is length; of the field where there is one; else 0. */
  contentLength = 0;
  /** Whether the sender lets the connection live on after this message. */
  isKeepAlive = false;
  /** HTTP/1.1 with a body that waits for 100 Continue. */
  expectsContinue = false;
  /** Connection says upgrade and there is an Upgrade field; in a response also status 101. */
  hasUpgrade = false;
  /** `hasUpgrade`, and to exactly `websocket`. */
  isWebSocketUpgrade = false;
  /** TE says `trailers`: the sender wants them passed on (RFC 9110 section 10.1.4). */
  acceptsTrailers = false;

  constructor(fieldsMax: number = defaultHttp1Limits.fieldsMax) {
    this.fieldsMax = fieldsMax;
    this.nameStart = new Int32Array(fieldsMax);
    this.nameEnd = new Int32Array(fieldsMax);
    this.valueStart = new Int32Array(fieldsMax);
    this.valueEnd = new Int32Array(fieldsMax);
    this.fieldId = new Uint8Array(fieldsMax);
    this.isHopByHop = new Uint8Array(fieldsMax);
    this.isCanonical = new Uint8Array(fieldsMax);
    this.isSensitive = new Uint8Array(fieldsMax);
    this.firstIndex = new Int32Array(fieldNames.length);
  }

  /** Index of the first field with an id, or -1. The table needs no clearing: a stale entry does not point to its id. */
  indexOf(id: number): number {
    const index = this.firstIndex[id]!;
    return index < this.fieldCount && this.fieldId[index] === id ? index : -1;
  }

  /** Whether a field with an id below 32 occurs more than once. */
  isRepeated(id: number): boolean {
    return (this.repeatedMask & (1 << id)) !== 0;
  }

  /** Most bytes `writeFields` can need. */
  get writtenBytesMax(): number {
    return this.end - this.start + this.fieldCount;
  }
}

/** For tests, logs and everything off the hot path: a field's value as a string, or undefined. */
export function fieldText(head: MessageHead, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let index = 0; index < head.fieldCount; index++) {
    if (rangeText(head, head.nameStart[index]!, head.nameEnd[index]!).toLowerCase() === wanted) {
      return rangeText(head, head.valueStart[index]!, head.valueEnd[index]!);
    }
  }
  return undefined;
}

/** For tests, logs and everything off the hot path: a range of the head's bytes as a string of characters below 256. */
export function rangeText(head: MessageHead, from: number, to: number): string {
  return Buffer.from(head.bytes.buffer, head.bytes.byteOffset + from, to - from).toString("latin1");
}

/**
 * The chunked coding, read one step at a time (RFC 9112 section 7.1). @hot
 *
 *     chunked-body = *( chunk-size [ chunk-ext ] CRLF data CRLF ) 1*"0" [ chunk-ext ] CRLF trailer-section CRLF
 *
 * Data is pointed to, not copied. Extensions are checked and dropped, trailers collected (most bodies have none, and cost
 * nothing for them) and read as field lines when the body is done.
 */
import { copyBytes, Outcome } from "../../base/mod.ts";
import { CR, hexValue, isToken, isValue, LF, SP, TAB } from "./bytes.ts";
import { parseFieldLines } from "./field-lines.ts";
import { isForbiddenInTrailer } from "./fields.ts";
import type { Http1Limits, MessageHead } from "./head.ts";

const State = {
  sizeFirst: 0,
  size: 1,
  extensionSpace: 2,
  extensionNameFirst: 3,
  extensionName: 4,
  extensionEqualsSpace: 5,
  extensionValueFirst: 6,
  extensionValue: 7,
  extensionQuoted: 8,
  extensionEscaped: 9,
  extensionQuotedEnd: 10,
  sizeLf: 11,
  data: 12,
  dataCr: 13,
  dataLf: 14,
  trailerLineFirst: 15,
  trailerName: 16,
  trailerValue: 17,
  trailerLineLf: 18,
  endLf: 19,
  done: 20,
  failed: 21,
} as const;

/** Digits of a chunk size, leading zeros among them: up to 2^48 bytes. */
const SIZE_DIGITS_MAX = 12;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NO_BYTES = new Uint8Array(0);

export class ChunkedReader {
  /** Body bytes the last `read` found; empty when equal. */
  dataStart = 0;
  dataEnd = 0;
  isDone = false;
  /** 0, or `Outcome.malformedBody` or `Outcome.headTooLarge`; nothing may be read after it. */
  error = 0;
  /** All body bytes found so far. */
  bodyBytes = 0;
  /** The trailer section with its final empty line is `trailers[0, trailerBytes)`; 0 bytes where there is none. */
  trailers: Uint8Array = NO_BYTES;
  trailerBytes = 0;

  private state: number = State.sizeFirst;
  private chunkRest = 0;
  private sizeDigits = 0;
  private extensionBytes = 0;
  private extensionBytesMax = 0;
  private trailerBytesMax = 0;
  private trailerFieldsMax = 0;

  constructor(limits: Http1Limits) {
    this.reset(limits);
  }

  /** Makes the reader ready for the next body. */
  reset(limits: Http1Limits): void {
    this.dataStart = 0;
    this.dataEnd = 0;
    this.isDone = false;
    this.error = 0;
    this.bodyBytes = 0;
    this.trailerBytes = 0;
    this.state = State.sizeFirst;
    this.chunkRest = 0;
    this.sizeDigits = 0;
    this.extensionBytes = 0;
    this.extensionBytesMax = limits.chunkExtensionBytesMax;
    this.trailerBytesMax = limits.trailerBytesMax;
    this.trailerFieldsMax = limits.fieldsMax;
  }

  /**
   * Reads from `bytes[from, to)` up to the end of the next run of data, of the body, or of the bytes; returns the offset
   * behind what was read. Call again while it is below `to` and neither `isDone` nor `error` is set.
   */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.dataStart = from;
    this.dataEnd = from;
    let at = from;
    while (at < to) {
      if (this.state === State.data) return this.takeData(at, to);
      if (this.state >= State.trailerLineFirst) return this.readTrailers(bytes, at, to);
      this.state = this.state <= State.size ? this.sizeByte(bytes[at]!) : this.lineByte(bytes[at]!);
      if (this.state === State.failed) return this.fail(Outcome.malformedBody, at);
      at++;
    }
    return at;
  }

  /**
   * Parses the collected trailers into `head`, with those that may not stand there marked as hop-by-hop so that `writeFields`
   * drops them; false when there are more than the limit or the head allows. Without any, the head has no fields.
   */
  parseTrailers(head: MessageHead): boolean {
    head.bytes = this.trailers;
    head.start = 0;
    head.end = this.trailerBytes;
    head.fieldCount = 0;
    if (this.trailerBytes === 0) return true;
    const fieldsMax = Math.min(this.trailerFieldsMax, head.fieldsMax);
    if (parseFieldLines(head, this.trailers, 0, this.trailerBytes, fieldsMax) !== this.trailerBytes) return false;
    for (let index = 0; index < head.fieldCount; index++) {
      if (isForbiddenInTrailer[head.fieldId[index]!] === 1) head.isHopByHop[index] = 1;
    }
    return true;
  }

  private fail(outcome: number, at: number): number {
    this.state = State.failed;
    this.error = outcome;
    return at;
  }

  private takeData(from: number, to: number): number {
    const end = Math.min(to, from + this.chunkRest);
    this.dataStart = from;
    this.dataEnd = end;
    this.bodyBytes += end - from;
    this.chunkRest -= end - from;
    if (this.chunkRest === 0) this.state = State.dataCr;
    return end;
  }

  private sizeByte(byte: number): number {
    const digit = hexValue[byte]!;
    if (digit !== 255) {
      this.chunkRest = this.chunkRest * 16 + digit;
      return ++this.sizeDigits > SIZE_DIGITS_MAX ? State.failed : State.size;
    }
    if (this.state === State.sizeFirst) return State.failed;
    if (byte === CR) return State.sizeLf;
    return this.extensionByte(State.extensionSpace, byte);
  }

  private lineByte(byte: number): number {
    switch (this.state) {
      case State.sizeLf:
        if (byte !== LF) return State.failed;
        this.sizeDigits = 0;
        this.extensionBytes = 0;
        return this.chunkRest === 0 ? State.trailerLineFirst : State.data;
      case State.dataCr:
        return byte === CR ? State.dataLf : State.failed;
      case State.dataLf:
        return byte === LF ? State.sizeFirst : State.failed;
      default:
        return this.extensionByte(this.state, byte);
    }
  }

  /** `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`; the line may end only behind a name or a value. */
  private extensionByte(state: number, byte: number): number {
    if (++this.extensionBytes > this.extensionBytesMax) return State.failed;
    const isSpace = byte === SP || byte === TAB;
    switch (state) {
      case State.extensionSpace:
        return isSpace ? state : byte === SEMICOLON ? State.extensionNameFirst : State.failed;
      case State.extensionNameFirst:
        return isSpace ? state : isToken[byte] === 1 ? State.extensionName : State.failed;
      case State.extensionName:
        if (isToken[byte] === 1) return state;
        if (byte === CR) return State.sizeLf;
        return isSpace ? State.extensionEqualsSpace : behindName(byte);
      case State.extensionEqualsSpace:
        return isSpace ? state : behindName(byte);
      case State.extensionValueFirst:
        if (isSpace) return state;
        return byte === QUOTE ? State.extensionQuoted : isToken[byte] === 1 ? State.extensionValue : State.failed;
      case State.extensionValue:
        if (isToken[byte] === 1) return state;
        return behindValue(byte, isSpace);
      case State.extensionQuoted:
        if (byte === QUOTE) return State.extensionQuotedEnd;
        return byte === BACKSLASH ? State.extensionEscaped : isValue[byte] === 1 ? state : State.failed;
      case State.extensionEscaped:
        return isValue[byte] === 1 ? State.extensionQuoted : State.failed;
      default:
        return behindValue(byte, isSpace);
    }
  }

  /** Collects the section's bytes; a section that is only the empty line is not kept. */
  private readTrailers(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let keptFrom = from;
    while (at < to && this.state < State.done) {
      const byte = bytes[at]!;
      const next = nextTrailerState(this.state, byte);
      if (next === State.failed) return this.fail(Outcome.malformedBody, at);
      if (next === State.done && this.trailerBytes === 0 && at + 1 - keptFrom <= 2) keptFrom = at + 1;
      this.state = next;
      at++;
    }
    return this.keepTrailers(bytes, keptFrom, at);
  }

  private keepTrailers(bytes: Uint8Array, from: number, to: number): number {
    const isBareEnd = this.trailerBytes === 0 && (from === to || (to - from === 1 && this.state === State.endLf));
    if (!isBareEnd) {
      const size = this.trailerBytes + (to - from);
      if (size > this.trailerBytesMax) return this.fail(Outcome.headTooLarge, to);
      if (size > this.trailers.length) this.growTrailers(size);
      this.trailerBytes = copyBytes(bytes, from, to, this.trailers, this.trailerBytes);
    }
    this.isDone = this.state === State.done;
    return to;
  }

  private growTrailers(size: number): void {
    const grown = new Uint8Array(Math.min(this.trailerBytesMax, Math.max(256, size * 2)));
    copyBytes(this.trailers, 0, this.trailerBytes, grown, 0);
    this.trailers = grown;
  }
}

function behindName(byte: number): number {
  if (byte === SEMICOLON) return State.extensionNameFirst;
  return byte === EQUALS ? State.extensionValueFirst : State.failed;
}

function behindValue(byte: number, isSpace: boolean): number {
  if (byte === CR) return State.sizeLf;
  if (isSpace) return State.extensionSpace;
  return byte === SEMICOLON ? State.extensionNameFirst : State.failed;
}

function nextTrailerState(state: number, byte: number): number {
  switch (state) {
    case State.trailerLineFirst:
      if (byte === CR) return State.endLf;
      return isToken[byte] === 1 ? State.trailerName : State.failed;
    case State.trailerName:
      if (isToken[byte] === 1) return state;
      return byte === COLON ? State.trailerValue : State.failed;
    case State.trailerValue:
      if (byte === CR) return State.trailerLineLf;
      return isValue[byte] === 1 ? state : State.failed;
    case State.trailerLineLf:
      return byte === LF ? State.trailerLineFirst : State.failed;
    default:
      return byte === LF ? State.done : State.failed;
  }
}

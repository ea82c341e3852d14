/**
 * @hot
 * Reads the HTTP/1.1 answers of one connection in place: status line, fields that frame the body, and the body by
 * Content-Length, chunked or until the connection closes. It is the generator's own reader and shares no code with the
 * gateway, so that one bug cannot hide on both sides.
 *
 * An answer that lies in one chunk, the usual case, is read without a copy. A head split between chunks is gathered in a
 * small carry buffer. Limits: a head of at most 64 KB, and one request in flight per connection.
 */
import { Failure } from "./failures.ts";
import {
  connectionName,
  contentLengthName,
  endsWithChunked,
  hexDigit,
  isBlank,
  isName,
  isTokenByte,
  transferEncodingName,
} from "./http1-grammar.ts";
import type { AnswerInspector } from "./protocol-client.ts";

export const ReadResult = { more: 0, complete: 1, failed: 2 } as const;
export type ReadResult = (typeof ReadResult)[keyof typeof ReadResult];

const headBytesMax = 65536;

// Where in an answer the reader stands.
const atHead = 0;
const inFixedBody = 1;
const inChunkSize = 2;
const inChunkExtension = 3;
const inChunkData = 4;
const afterChunkData = 5;
const inTrailer = 6;
const untilClose = 7;

const noBytes = new Uint8Array(0);

export class Http1Reader {
  /** Of the answer read last. */
  status = 0;
  bodyBytes = 0;
  keepsAlive = true;
  /** Why `feed` or `finish` said `failed`. */
  failure: Failure = Failure.none;
  /** Bytes of the current answer seen so far, head included. */
  answerBytes = 0;
  inspector: AnswerInspector | null = null;

  private place = atHead;
  private remainingBytes = 0;
  private chunkBytes = 0;
  private chunkDigits = 0;
  private trailerLineBytes = 0;
  private isAfterCarriageReturn = false;
  private expectsNoBody = false;
  private contentLength = -1;
  private isChunked = false;
  private carry: Uint8Array = noBytes;
  private carryLength = 0;

  /** Call before each request. `expectsNoBody` for HEAD. */
  begin(expectsNoBody: boolean, inspector: AnswerInspector | null): void {
    this.expectsNoBody = expectsNoBody;
    this.inspector = inspector;
    this.place = atHead;
    this.answerBytes = 0;
    this.bodyBytes = 0;
    this.carryLength = 0;
    this.failure = Failure.none;
    if (inspector !== null) inspector.begin();
  }

  /** Reads a chunk. Bytes after the end of the answer are `wrong-length`: nothing else was asked for. */
  feed(bytes: Uint8Array, start = 0, end = bytes.length): ReadResult {
    this.answerBytes += end - start;
    let offset = start;
    if (this.place === atHead) {
      offset = this.carryLength === 0 ? this.readHeads(bytes, start, end) : this.feedCarried(bytes, start, end);
      if (offset < 0) return ReadResult.failed;
      if (this.place === atHead && this.remainingBytes !== 0) return ReadResult.more;
    }
    offset = this.readBody(bytes, offset, end);
    if (offset < 0) return ReadResult.failed;
    if (this.place !== atHead) return ReadResult.more;
    if (offset !== end) return this.fail(Failure.wrongLength);
    return ReadResult.complete;
  }

  /** The connection ended. Completes an answer that lasts until then, fails any other. */
  finish(): ReadResult {
    if (this.place === untilClose) {
      this.place = atHead;
      return ReadResult.complete;
    }
    return this.fail(this.answerBytes === 0 ? Failure.closedUnanswered : Failure.closedEarly);
  }

  private fail(failure: Failure): ReadResult {
    this.failure = failure;
    return ReadResult.failed;
  }

  private failAt(failure: Failure): number {
    this.failure = failure;
    return -1;
  }

  /**
   * Reads heads until a final one. Returns the offset after it, or -1. `remainingBytes` is 1 while the head is incomplete
   * and 0 once it is read; `place` then says how the body goes on.
   */
  private readHeads(bytes: Uint8Array, start: number, end: number): number {
    let offset = start;
    for (;;) {
      const after = this.parseHead(bytes, offset, end);
      if (after < 0) return -1;
      if (after === 0) {
        this.keepForLater(bytes, offset, end);
        this.remainingBytes = 1;
        return this.failure === Failure.none ? end : -1;
      }
      if (this.status >= 200) {
        if (this.inspector !== null) this.inspector.head(bytes, offset, after);
        this.frameBody();
        return this.failure === Failure.none ? after : -1;
      }
      // An interim answer (100, 103); the final one follows. Switching protocols was not asked for.
      if (this.status === 101) return this.failAt(Failure.malformed);
      offset = after;
    }
  }

  private keepForLater(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > headBytesMax) {
      this.failure = Failure.malformed;
      return;
    }
    if (this.carry.length < length) this.carry = new Uint8Array(Math.max(1024, length * 2));
    for (let i = 0; i < length; i++) this.carry[i] = bytes[start + i]!;
    this.carryLength = length;
  }

  /** A head came in pieces, which is rare: the chunk is joined to what was kept, and read as one. @cold */
  private feedCarried(bytes: Uint8Array, start: number, end: number): number {
    const kept = this.carryLength;
    const total = kept + end - start;
    const joined = new Uint8Array(total);
    joined.set(this.carry.subarray(0, kept));
    joined.set(bytes.subarray(start, end), kept);
    this.carryLength = 0;
    const offset = this.readHeads(joined, 0, total);
    if (offset < 0 || this.carryLength !== 0) return offset;
    // A complete head ends within this chunk, for it was not complete before.
    return start + offset - kept;
  }

  /** Offset after the head, 0 when it is incomplete, -1 when it is malformed. */
  private parseHead(bytes: Uint8Array, start: number, end: number): number {
    let offset = this.parseStatusLine(bytes, start, end);
    if (offset <= 0) return offset;
    this.contentLength = -1;
    this.isChunked = false;
    for (;;) {
      if (offset >= end) return 0;
      if (bytes[offset] === 13) {
        if (offset + 1 >= end) return 0;
        return bytes[offset + 1] === 10 ? offset + 2 : this.failAt(Failure.malformed);
      }
      const nameStart = offset;
      while (offset < end && isTokenByte[bytes[offset]!] === 1) offset++;
      if (offset >= end) return 0;
      if (bytes[offset] !== 58 || offset === nameStart) return this.failAt(Failure.malformed);
      const nameLength = offset - nameStart;
      const valueStart = offset + 1;
      offset = valueStart;
      while (offset < end && bytes[offset] !== 13 && bytes[offset] !== 10) offset++;
      if (offset + 1 >= end) return 0;
      if (bytes[offset] !== 13 || bytes[offset + 1] !== 10) return this.failAt(Failure.malformed);
      if (!this.noteField(bytes, nameStart, nameLength, valueStart, offset)) return this.failAt(Failure.malformed);
      offset += 2;
    }
  }

  private parseStatusLine(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    // Fail on the first byte that cannot belong to an answer, rather than wait for more of it.
    if (length >= 1 && bytes[start] !== 72) return this.failAt(Failure.malformed);
    if (length < 13) return 0;
    if (
      bytes[start + 1] !== 84 ||
      bytes[start + 2] !== 84 ||
      bytes[start + 3] !== 80 ||
      bytes[start + 4] !== 47 ||
      bytes[start + 5] !== 49 ||
      bytes[start + 6] !== 46 ||
      bytes[start + 8] !== 32
    ) {
      return this.failAt(Failure.malformed);
    }
    const minor = bytes[start + 7]! - 48;
    const hundreds = bytes[start + 9]! - 48;
    const tens = bytes[start + 10]! - 48;
    const ones = bytes[start + 11]! - 48;
    if (minor < 0 || minor > 1 || hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) {
      return this.failAt(Failure.malformed);
    }
    this.status = hundreds * 100 + tens * 10 + ones;
    this.keepsAlive = minor === 1;
    let offset = start + 12;
    if (bytes[offset] !== 32 && bytes[offset] !== 13) return this.failAt(Failure.malformed);
    while (offset < end && bytes[offset] !== 13 && bytes[offset] !== 10) offset++;
    if (offset + 1 >= end) return 0;
    return bytes[offset] === 13 && bytes[offset + 1] === 10 ? offset + 2 : this.failAt(Failure.malformed);
  }

  /** Takes note of the fields that frame the body; false when one of them is malformed. */
  private noteField(bytes: Uint8Array, name: number, nameLength: number, value: number, end: number): boolean {
    if (nameLength === 14) {
      if (isName(bytes, name, contentLengthName)) return this.noteContentLength(bytes, value, end);
    } else if (nameLength === 17) {
      if (isName(bytes, name, transferEncodingName)) {
        this.isChunked = endsWithChunked(bytes, value, end);
        return this.isChunked;
      }
    } else if (nameLength === 10) {
      if (isName(bytes, name, connectionName)) this.noteConnection(bytes, value, end);
    }
    return true;
  }

  private noteContentLength(bytes: Uint8Array, start: number, end: number): boolean {
    let offset = start;
    let last = end;
    while (offset < last && isBlank(bytes[offset]!)) offset++;
    while (last > offset && isBlank(bytes[last - 1]!)) last--;
    if (offset === last || last - offset > 15) return false;
    let length = 0;
    for (; offset < last; offset++) {
      const digit = bytes[offset]! - 48;
      if (digit < 0 || digit > 9) return false;
      length = length * 10 + digit;
    }
    if (this.contentLength >= 0 && this.contentLength !== length) return false;
    this.contentLength = length;
    return true;
  }

  // "close" and "keep-alive" are told apart by their first letter; other options (upgrade) change nothing here.
  private noteConnection(bytes: Uint8Array, start: number, end: number): void {
    let offset = start;
    while (offset < end && (isBlank(bytes[offset]!) || bytes[offset] === 44)) offset++;
    if (offset >= end) return;
    const letter = bytes[offset]! | 32;
    if (letter === 99) this.keepsAlive = false;
    else if (letter === 107) this.keepsAlive = true;
  }

  /** Decides how the body of the head just read is framed (RFC 9112 section 6.3). */
  private frameBody(): void {
    this.remainingBytes = 0;
    this.place = atHead;
    if (this.expectsNoBody || this.status === 204 || this.status === 304) return;
    if (this.isChunked) {
      if (this.contentLength >= 0) this.failure = Failure.malformed;
      this.chunkBytes = 0;
      this.chunkDigits = 0;
      this.isAfterCarriageReturn = false;
      this.place = inChunkSize;
    } else if (this.contentLength >= 0) {
      this.remainingBytes = this.contentLength;
      if (this.contentLength > 0) this.place = inFixedBody;
    } else {
      this.keepsAlive = false;
      this.place = untilClose;
    }
  }

  private readBody(bytes: Uint8Array, start: number, end: number): number {
    switch (this.place) {
      case atHead:
        return start;
      case inFixedBody: {
        const take = Math.min(this.remainingBytes, end - start);
        this.takeBody(bytes, start, start + take);
        this.remainingBytes -= take;
        if (this.remainingBytes === 0) this.place = atHead;
        return start + take;
      }
      case untilClose:
        this.takeBody(bytes, start, end);
        return end;
      default:
        return this.readChunks(bytes, start, end);
    }
  }

  private takeBody(bytes: Uint8Array, start: number, end: number): void {
    this.bodyBytes += end - start;
    if (this.inspector !== null && end > start) this.inspector.body(bytes, start, end);
  }

  private readChunks(bytes: Uint8Array, start: number, end: number): number {
    let offset = start;
    while (offset < end && this.place !== atHead) {
      if (this.place === inChunkData) {
        const take = Math.min(this.chunkBytes, end - offset);
        this.takeBody(bytes, offset, offset + take);
        this.chunkBytes -= take;
        offset += take;
        if (this.chunkBytes === 0) this.place = afterChunkData;
      } else {
        if (!this.readChunkByte(bytes[offset]!)) return this.failAt(Failure.malformed);
        offset++;
      }
    }
    return offset;
  }

  /** One byte of the framing around chunks; false when it cannot stand there. */
  private readChunkByte(byte: number): boolean {
    if (this.isAfterCarriageReturn) {
      this.isAfterCarriageReturn = false;
      if (byte !== 10) return false;
      this.endChunkLine();
      return true;
    }
    if (byte === 13) {
      this.isAfterCarriageReturn = true;
      return this.place !== inChunkSize || this.chunkDigits > 0;
    }
    if (byte === 10 || this.place === afterChunkData) return false;
    if (this.place === inTrailer) {
      this.trailerLineBytes++;
      return this.trailerLineBytes <= headBytesMax;
    }
    if (this.place === inChunkExtension) return true;
    if (byte === 59 || byte === 32 || byte === 9) {
      this.place = inChunkExtension;
      return this.chunkDigits > 0;
    }
    const digit = hexDigit(byte);
    if (digit < 0 || ++this.chunkDigits > 12) return false;
    this.chunkBytes = this.chunkBytes * 16 + digit;
    return true;
  }

  private endChunkLine(): void {
    if (this.place === afterChunkData) {
      this.chunkBytes = 0;
      this.chunkDigits = 0;
      this.place = inChunkSize;
    } else if (this.place === inTrailer) {
      if (this.trailerLineBytes === 0) this.place = atHead;
      this.trailerLineBytes = 0;
    } else {
      this.trailerLineBytes = 0;
      this.place = this.chunkBytes === 0 ? inTrailer : inChunkData;
    }
  }
}

/**
 * @hot Cuts what arrives into frames, however it is split: the payload of DATA is passed on piece by piece as it comes, every
 * other frame whole, in place when it lies in one piece and copied together when it does not.
 *
 * Here are the rules that need no more than the frame's head: the preface, the first frame, the size, and that nothing
 * stands between a field block's frames.
 */
import { copyBytes } from "../../base/mod.ts";
import { Flag, FrameType, frameBytesDefault, frameHeadBytes, frameLength, preface, readUint31 } from "./frames.ts";
import { Violation } from "./violations.ts";

export interface FrameHandler {
  /** A whole frame of any type but DATA: its payload is `bytes[from, to)`, valid during the call. */
  onFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): void;
  /** The head of a DATA frame whose payload has `length` bytes, padding among them. */
  onDataStart(flags: number, streamId: number, length: number): void;
  /** `length` bytes of the frame just begun are padding. */
  onDataPadding(length: number): void;
  /** A piece of the data; `isLast` with the last one, which may be empty. */
  onDataPiece(bytes: Uint8Array, from: number, to: number, isLast: boolean): void;
  onFrameViolation(violation: number): void;
}

const none = new Uint8Array(0);

export class FrameReader {
  /** While a field block is open nothing but its CONTINUATION may come; 0 when none is. */
  blockStreamId = 0;
  /** Set to read no further: the connection has failed. */
  isStopped = false;
  private prefaceAt: number;
  private isFirst = true;
  private readonly head = new Uint8Array(frameHeadBytes);
  private headEnd = 0;
  private type = 0;
  private flags = 0;
  private streamId = 0;
  /** A frame that lies in several pieces: its payload so far, and how long it will be. */
  private payload = none;
  private payloadEnd = 0;
  private payloadLength = 0;
  private isInPayload = false;
  private isInData = false;
  private isPaddingDue = false;
  private dataLeft = 0;
  private paddingLeft = 0;

  /** @param expectsPreface the reader is a server's, the peer a client */
  constructor(expectsPreface: boolean) {
    this.prefaceAt = expectsPreface ? 0 : preface.length;
  }

  /** Whether nothing is half read. */
  get isBetweenFrames(): boolean {
    return this.headEnd === 0 && !this.isInPayload && !this.isInData;
  }

  /** What is still to come of the DATA frame being read, without its padding. */
  get dataLeftBytes(): number {
    return this.dataLeft;
  }

  receive(bytes: Uint8Array, from: number, to: number, handler: FrameHandler): void {
    let at = from;
    if (this.prefaceAt < preface.length) at = this.readPreface(bytes, at, to, handler);
    while (at < to && !this.isStopped) {
      if (this.isInData) at = this.readData(bytes, at, to, handler);
      else if (this.isInPayload) at = this.gather(bytes, at, to, handler);
      else at = this.readFrame(bytes, at, to, handler);
    }
  }

  private readPreface(bytes: Uint8Array, from: number, to: number, handler: FrameHandler): number {
    let at = from;
    while (at < to && this.prefaceAt < preface.length) {
      if (bytes[at++] !== preface[this.prefaceAt++]) {
        handler.onFrameViolation(Violation.preface);
        return at;
      }
    }
    return at;
  }

  /** Reads a frame's head, and the frame too if it is all there. */
  private readFrame(bytes: Uint8Array, from: number, to: number, handler: FrameHandler): number {
    let source = bytes;
    let start = from;
    let at: number;
    if (this.headEnd > 0 || to - from < frameHeadBytes) {
      const taken = Math.min(frameHeadBytes - this.headEnd, to - from);
      copyBytes(bytes, from, from + taken, this.head, this.headEnd);
      this.headEnd += taken;
      at = from + taken;
      if (this.headEnd < frameHeadBytes) return at;
      this.headEnd = 0;
      source = this.head;
      start = 0;
    } else at = from + frameHeadBytes;
    const length = frameLength(source, start);
    const type = source[start + 3]!;
    this.type = type;
    this.flags = source[start + 4]!;
    this.streamId = readUint31(source, start + 5);
    const violation = this.judgeHead(length);
    if (violation !== 0) {
      handler.onFrameViolation(violation);
      return at;
    }
    if (type === FrameType.data) return this.beginData(bytes, at, to, length, handler);
    if (to - at < length) {
      this.payloadLength = length;
      this.payloadEnd = 0;
      this.payload = new Uint8Array(length);
      this.isInPayload = true;
      return at;
    }
    handler.onFrame(type, this.flags, this.streamId, bytes, at, at + length);
    return at + length;
  }

  private judgeHead(length: number): number {
    const { type } = this;
    if (this.isFirst) {
      if (type !== FrameType.settings || (this.flags & Flag.ack) !== 0) return Violation.firstFrame;
      this.isFirst = false;
    }
    if (length > frameBytesDefault) return Violation.frameTooLarge;
    if (this.blockStreamId !== 0) {
      const isNext = type === FrameType.continuation && this.streamId === this.blockStreamId;
      return isNext ? 0 : Violation.continuationExpected;
    }
    return type === FrameType.continuation ? Violation.continuationUnexpected : 0;
  }

  /** Copies the pieces of a frame together. */
  private gather(bytes: Uint8Array, from: number, to: number, handler: FrameHandler): number {
    const taken = Math.min(this.payloadLength - this.payloadEnd, to - from);
    copyBytes(bytes, from, from + taken, this.payload, this.payloadEnd);
    this.payloadEnd += taken;
    if (this.payloadEnd === this.payloadLength) {
      const { payload } = this;
      this.payload = none;
      this.isInPayload = false;
      handler.onFrame(this.type, this.flags, this.streamId, payload, 0, payload.length);
    }
    return from + taken;
  }

  private beginData(bytes: Uint8Array, from: number, to: number, length: number, handler: FrameHandler): number {
    const isPadded = (this.flags & Flag.padded) !== 0;
    if (isPadded && length === 0) {
      handler.onFrameViolation(Violation.frameSize);
      return from;
    }
    handler.onDataStart(this.flags, this.streamId, length);
    if (this.isStopped) return from;
    this.isInData = true;
    this.isPaddingDue = isPadded;
    this.dataLeft = length;
    this.paddingLeft = 0;
    return length === 0 || to > from ? this.readData(bytes, from, to, handler) : from;
  }

  /** Passes on what there is of a DATA frame's payload. */
  private readData(bytes: Uint8Array, from: number, to: number, handler: FrameHandler): number {
    let at = from;
    if (this.isPaddingDue) {
      const padding = bytes[at++]!;
      if (padding >= this.dataLeft) {
        handler.onFrameViolation(Violation.padding);
        return at;
      }
      this.isPaddingDue = false;
      this.dataLeft -= 1 + padding;
      this.paddingLeft = padding;
      handler.onDataPadding(1 + padding);
      if (this.dataLeft > 0 && at === to) return at;
      if (this.dataLeft === 0) handler.onDataPiece(bytes, at, at, true);
    } else if (this.dataLeft === 0 && this.paddingLeft === 0) handler.onDataPiece(bytes, at, at, true);
    if (this.dataLeft > 0) {
      const taken = Math.min(this.dataLeft, to - at);
      this.dataLeft -= taken;
      handler.onDataPiece(bytes, at, at + taken, this.dataLeft === 0);
      at += taken;
    }
    if (this.dataLeft > 0) return at;
    const skipped = Math.min(this.paddingLeft, to - at);
    this.paddingLeft -= skipped;
    this.isInData = this.paddingLeft > 0;
    return at + skipped;
  }
}

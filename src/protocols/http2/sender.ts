/**
 * @hot Everything a connection sends on streams: heads as field blocks, DATA within both windows, and the queue of streams
 * that wait for the connection.
 *
 * A head is composed in the output itself: `begin...`, then fields, then `finish`, which fills in the frame's length and cuts
 * a block that is too long for one frame. Nothing else may be written in between.
 */
import { assert, copyBytes, writeDecimal } from "../../base/mod.ts";
import { FieldId, fieldIdOf, type MessageHead } from "../http1/mod.ts";
import { Flag, FrameType, frameBytesDefault, frameHeadBytes, putFrameHead, windowBytesDefault } from "./frames.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { Flood, type FloodBudget, type Http2Limits } from "./limits.ts";
import { Output } from "./output.ts";
import type { Http2Stream } from "./stream.ts";

/** A DATA frame cut shorter than this by a window earns no WINDOW_UPDATE frames: see `limits.ts`. */
const usefulBytes = 1024;
const digits = new Uint8Array(16);
const trailersWord = Buffer.from("trailers", "latin1") as Uint8Array;
/** Of the flags, in a frame's head. */
const flagsOffset = 4;
const colon = 0x3a;
const carriageReturn = 0x0d;

export class Sender<Context> {
  readonly output = new Output();
  readonly encoder = new HpackEncoder();
  /** What the connection may still send. */
  window = windowBytesDefault;
  queuedCount = 0;
  private readonly outputBytesMax: number;
  private readonly flood: FloodBudget;
  private first: Http2Stream<Context> | null = null;
  private last: Http2Stream<Context> | null = null;
  /** Where the head being composed begins, from the start of the output; -1 when there is none. */
  private headAt = -1;

  constructor(limits: Http2Limits, flood: FloodBudget) {
    this.outputBytesMax = limits.outputBytesMax;
    this.flood = flood;
  }

  /** Whether DATA may be written now. */
  get hasRoom(): boolean {
    return this.window > 0 && this.output.pendingBytes < this.outputBytesMax;
  }

  beginResponse(status: number): void {
    this.begin();
    this.encoder.status(this.output, status);
  }

  beginTrailers(): void {
    this.begin();
  }

  /** The pseudo-fields of a request whose target is in origin, absolute, authority or asterisk form. */
  beginRequest(head: MessageHead, isTls: boolean): void {
    const { encoder, output } = this;
    const { bytes } = head;
    this.begin();
    encoder.method(output, bytes, head.methodStart, head.methodEnd);
    encoder.scheme(output, isTls);
    encoder.authority(output, bytes, head.authorityStart, head.authorityEnd);
    if (head.queryEnd > head.pathStart) {
      if (head.pathEnd > head.pathStart) encoder.path(output, bytes, head.pathStart, head.queryEnd);
      else this.rootPath(bytes, head.pathStart, head.queryEnd);
    } else if (head.targetEnd - head.targetStart === 1) encoder.path(output, bytes, head.targetStart, head.targetEnd);
    else this.rootPath(bytes, 0, 0);
    if (head.acceptsTrailers) encoder.field(output, FieldId.te, trailersWord, 0, 0, 0, trailersWord.length, 0);
  }

  /**
   * All fields of a head that go on: none that belong to its connection, no Host (the authority says it), none whose id is 1
   * in `skipMask`.
   */
  fields(head: MessageHead, skipMask: Uint8Array): void {
    const { bytes, fieldId, isHopByHop, nameStart, nameEnd, valueStart, valueEnd, isSensitive, isCanonical } = head;
    const { encoder, output } = this;
    for (let i = 0; i < head.fieldCount; i++) {
      const id = fieldId[i]!;
      if (isHopByHop[i] === 1 || skipMask[id] === 1 || id === FieldId.host) continue;
      if (id === FieldId.contentLength && isCanonical[i] === 0) {
        // Written anew, since the line may have leading zeros.
        encoder.field(output, id, digits, 0, 0, 0, writeDecimal(head.contentLength, digits, 0), 0);
        continue;
      }
      encoder.field(output, id, bytes, nameStart[i]!, nameEnd[i]!, valueStart[i]!, valueEnd[i]!, isSensitive[i]!);
    }
  }

  /** A field known by its id. */
  field(id: number, bytes: Uint8Array, from: number, to: number): void {
    this.encoder.field(this.output, id, bytes, 0, 0, from, to, 0);
  }

  /** Lines `name: value` CRLF as a writer of HTTP/1.1 prepared them. */
  lines(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      const nameStart = at;
      while (bytes[at] !== colon) at++;
      const nameEnd = at++;
      while (bytes[at] === 0x20) at++;
      const valueStart = at;
      while (bytes[at] !== carriageReturn) at++;
      const id = fieldIdOf(bytes, nameStart, nameEnd);
      this.encoder.field(this.output, id, bytes, nameStart, nameEnd, valueStart, at, 0);
      at += 2;
    }
    assert(at === to, "prepared lines are whole");
  }

  /** Ends the head: its frames are in the output. */
  finish(stream: Http2Stream<Context>, isEnd: boolean): void {
    const { output } = this;
    assert(this.headAt >= 0, "a head that ends was begun");
    const at = output.start + this.headAt;
    const streamId = stream.id;
    stream.lastFrameAt = output.positionOf(at);
    this.headAt = -1;
    const length = output.end - at - frameHeadBytes;
    const endStream = isEnd ? Flag.endStream : 0;
    if (length <= frameBytesDefault) {
      putFrameHead(output.bytes, at, length, FrameType.headers, Flag.endHeaders | endStream, streamId);
    } else this.cutBlock(at, length, endStream, streamId);
  }

  /**
   * Writes what the windows and the room in the output allow of `bytes[from, to)`, and the end of the stream with the last
   * byte. Returns how many bytes were taken; the stream then waits when that is not all.
   */
  data(stream: Http2Stream<Context>, bytes: Uint8Array, from: number, to: number, isEnd: boolean): number {
    const { output } = this;
    let at = from;
    while (at < to) {
      const left = to - at;
      let length = left < frameBytesDefault ? left : frameBytesDefault;
      if (stream.sendWindow < length) length = stream.sendWindow;
      if (this.window < length) length = this.window;
      if (length <= 0 || output.pendingBytes >= this.outputBytesMax) {
        this.wait(stream);
        return at - from;
      }
      const flags = isEnd && length === left ? Flag.endStream : 0;
      output.reserve(frameHeadBytes + length);
      stream.lastFrameAt = output.positionOf(output.end);
      const payload = putFrameHead(output.bytes, output.end, length, FrameType.data, flags, stream.id);
      output.end = copyBytes(bytes, at, at + length, output.bytes, payload);
      stream.sendWindow -= length;
      this.window -= length;
      if (length === left || length >= usefulBytes) this.flood.refund(Flood.windowUpdates, 2);
      at += length;
    }
    if (isEnd && to === from) this.end(stream);
    return to - from;
  }

  /** Ends the stream: with the frame written last, where it still waits in the output, else with an empty one. */
  end(stream: Http2Stream<Context>): void {
    const { output } = this;
    const at = output.find(stream.lastFrameAt);
    if (at >= 0) {
      output.bytes[at + flagsOffset] = output.bytes[at + flagsOffset]! | Flag.endStream;
      return;
    }
    output.reserve(frameHeadBytes);
    output.end = putFrameHead(output.bytes, output.end, 0, FrameType.data, Flag.endStream, stream.id);
  }

  /** Puts a stream at the end of the queue for the connection's window or room. */
  enqueue(stream: Http2Stream<Context>): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    stream.previous = this.last;
    stream.next = null;
    if (this.last === null) this.first = stream;
    else this.last.next = stream;
    this.last = stream;
    this.queuedCount += 1;
  }

  /** Takes the first of the queue; null when it is empty. */
  dequeue(): Http2Stream<Context> | null {
    const stream = this.first;
    if (stream !== null) this.forget(stream);
    return stream;
  }

  /** Takes a stream out of the queue, if it stands there. */
  forget(stream: Http2Stream<Context>): void {
    if (!stream.isQueued) return;
    const { previous, next } = stream;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    stream.previous = null;
    stream.next = null;
    stream.isQueued = false;
    this.queuedCount -= 1;
  }

  /** A stream with a window of its own waits for the connection, one without for its WINDOW_UPDATE. */
  private wait(stream: Http2Stream<Context>): void {
    stream.isWaiting = true;
    if (stream.sendWindow > 0) this.enqueue(stream);
  }

  private begin(): void {
    assert(this.headAt < 0, "one head is composed at a time");
    const { output } = this;
    this.headAt = output.pendingBytes;
    output.reserve(frameHeadBytes);
    output.end += frameHeadBytes;
    this.encoder.begin(output);
  }

  /** A target without a path: "/" and its query. */
  private rootPath(bytes: Uint8Array, from: number, to: number): void {
    const path = new Uint8Array(1 + to - from);
    path[0] = 0x2f;
    copyBytes(bytes, from, to, path, 1);
    this.encoder.path(this.output, path, 0, path.length);
  }

  /** Makes room for the heads of CONTINUATION frames within a block, from its end backwards. */
  private cutBlock(at: number, length: number, endStream: number, streamId: number): void {
    const { output } = this;
    const extra = Math.ceil(length / frameBytesDefault) - 1;
    const before = at - output.start;
    output.reserve(extra * frameHeadBytes);
    const { bytes } = output;
    const first = output.start + before;
    const block = first + frameHeadBytes;
    for (let i = extra; i > 0; i--) {
      const from = block + i * frameBytesDefault;
      const to = Math.min(block + length, from + frameBytesDefault);
      const moved = from + i * frameHeadBytes;
      bytes.copyWithin(moved, from, to);
      const flags = i === extra ? Flag.endHeaders : 0;
      putFrameHead(bytes, moved - frameHeadBytes, to - from, FrameType.continuation, flags, streamId);
    }
    putFrameHead(bytes, first, frameBytesDefault, FrameType.headers, endStream, streamId);
    output.end += extra * frameHeadBytes;
  }
}

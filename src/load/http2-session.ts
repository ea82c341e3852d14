/**
 * @hot
 * One HTTP/2 connection as a client sees it (RFC 9113), without a socket: bytes go in, frames come out in `output`, and what
 * happens to exchanges is told to the owner. Frames and HPACK are the project's codec; what a server may do, and what became of
 * an exchange, is decided here, apart from the gateway's own state machine.
 *
 * An exchange sits on one of a fixed number of seats, so that nothing is allocated for it; a stream id leads to its seat.
 * Windows: a server may send 4 MiB on a stream and 64 MiB on the connection, and is given back what it used when half is gone,
 * so that it never has to wait; bodies of requests wait for the server's windows. Pushes are refused by SETTINGS.
 */
import {
  ErrorCode,
  Flag,
  type FrameHandler,
  FrameReader,
  FrameType,
  frameHeadBytes,
  HpackDecoder,
  isSettingsLength,
  type Output,
  readUint31,
  readUint32,
  streamIdMax,
  writeGoaway,
  writeNumberFrame,
  writePing,
  writeSettingsAck,
} from "../protocols/mod.ts";
import { Failure, goawayFailure, resetFailure } from "./failures.ts";
import { readAnswerHead } from "./http2-answer.ts";
import type { Http2Scratch, Http2SessionEvents } from "./http2-events.ts";
import { FieldBlock } from "./http2-field-block.ts";
import type { Http2Request } from "./http2-request.ts";
import { Http2Seats } from "./http2-seats.ts";
import { Http2Sender } from "./http2-sender.ts";

const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 64 * 1024 * 1024;
/** Answers to the server's pings and settings that may wait to be written; more is a flood. */
const owedMax = 10_000;

export class Http2Session implements FrameHandler {
  isReady = false;
  /** The server said GOAWAY, or the ids are used up. */
  isLeaving = false;
  isBroken = false;
  /** Chunks received, to tell a connection that is silent from one that is slow. */
  private receivedCount = 0;
  readonly index: number;
  private goawayCode = -1;
  private owedCount = 0;
  private nextId = 1;
  private readonly output: Output;
  private readonly scratch: Http2Scratch;
  private readonly events: Http2SessionEvents;
  private readonly reader = new FrameReader(false);
  private readonly decoder = new HpackDecoder();
  private readonly seats: Http2Seats;
  private readonly sender: Http2Sender;
  private receiveWindow = connectionWindowBytes;
  /** A field block in several frames. */
  private readonly block = new FieldBlock();
  private blockEndsStream = false;
  /** Where the DATA frame that is being read belongs; -1 for a stream that has ended. */
  private dataSeat = -1;
  private dataEndsStream = false;

  /** @param index handed back to the owner with every event */
  constructor(index: number, seats: number, output: Output, scratch: Http2Scratch, events: Http2SessionEvents) {
    this.index = index;
    this.output = output;
    this.scratch = scratch;
    this.events = events;
    this.seats = new Http2Seats(seats);
    this.sender = new Http2Sender(seats, output, scratch.block);
  }

  get streamsAllowed(): number {
    return this.sender.streamsAllowed;
  }

  get busyCount(): number {
    return this.seats.busyCount;
  }

  /** Writes what a client begins with. */
  begin(): void {
    this.sender.begin(streamWindowBytes, connectionWindowBytes);
  }

  /** Opens a stream on a free seat and writes its request. */
  request(seat: number, request: Http2Request): void {
    const id = this.nextId;
    this.nextId += 2;
    this.seats.take(seat, id, request, streamWindowBytes, this.receivedCount);
    this.sender.request(seat, id, request);
    if (this.nextId > streamIdMax) this.leave();
  }

  /** Gives up an exchange. */
  cancel(seat: number): void {
    writeNumberFrame(this.output, FrameType.rstStream, this.seats.ids[seat]!, ErrorCode.cancel);
    this.release(seat);
  }

  /** Whether anything of a seat's answer has come. */
  hasBegun(seat: number): boolean {
    return this.seats.receivedBytes[seat]! > 0;
  }

  /** Whether the server has said anything at all since a seat's request. */
  wasHeardSince(seat: number): boolean {
    return this.receivedCount > this.seats.chunksBefore[seat]!;
  }

  /** Why an exchange on a seat ends with the connection. */
  endFailure(seat: number, failure: Failure): Failure {
    if (failure !== Failure.none && failure !== Failure.reset) return failure;
    if (this.goawayCode >= 0) return goawayFailure(this.goawayCode);
    if (failure !== Failure.none) return failure;
    return this.hasBegun(seat) ? Failure.closedEarly : Failure.closedUnanswered;
  }

  /** No stream is opened any more. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.events.onLeaving(this);
  }

  /** Reads no further: the connection was ended by its owner. */
  stop(): void {
    this.reader.isStopped = true;
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.receivedCount++;
    this.reader.receive(bytes, start, end, this);
  }

  onFrame(type: number, flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    switch (type) {
      case FrameType.headers:
        this.onHeaders(flags, id, bytes, from, to);
        return;
      case FrameType.continuation:
        this.onContinuation(flags, id, bytes, from, to);
        return;
      case FrameType.rstStream:
        if (to - from !== 4) this.break(ErrorCode.frameSizeError);
        else if (this.isIdleId(id)) this.break(ErrorCode.protocolError);
        else this.end(this.seats.find(id), resetFailure(readUint32(bytes, from)));
        return;
      case FrameType.settings:
        this.onSettings(flags, id, bytes, from, to);
        return;
      case FrameType.ping:
        if (to - from !== 8) this.break(ErrorCode.frameSizeError);
        else if (id !== 0) this.break(ErrorCode.protocolError);
        else if ((flags & Flag.ack) === 0 && !this.isFlooded()) writePing(this.output, true, bytes, from);
        return;
      case FrameType.goaway:
        this.onGoaway(id, bytes, from, to);
        return;
      case FrameType.windowUpdate:
        this.onWindowUpdate(id, bytes, from, to);
        return;
      case FrameType.priority:
        if (to - from !== 5) this.break(ErrorCode.frameSizeError);
        return;
      case FrameType.pushPromise:
        this.break(ErrorCode.protocolError);
        return;
      default:
      // Frames of other types are ignored (section 5.5).
    }
  }

  onDataStart(flags: number, id: number, length: number): void {
    if (this.isIdleId(id)) {
      this.break(ErrorCode.protocolError);
      return;
    }
    this.receiveWindow -= length;
    this.giveBackConnection();
    this.dataEndsStream = (flags & Flag.endStream) !== 0;
    const { seats } = this;
    const seat = seats.find(id);
    this.dataSeat = seat;
    if (seat < 0) return;
    seats.noteReceived(seat, frameHeadBytes + length);
    this.seats.receiveWindows[seat] = this.seats.receiveWindows[seat]! - length;
    if (this.seats.statuses[seat]! < 200) this.reject(seat, ErrorCode.protocolError, Failure.malformed);
    else if (!this.dataEndsStream) this.giveBack(seat);
    if (this.seats.ids[seat] !== id) this.dataSeat = -1;
  }

  /** Padding counts for windows, as the whole frame does, and for nothing else. */
  onDataPadding(_length: number): void {}

  onDataPiece(bytes: Uint8Array, from: number, to: number, isLast: boolean): void {
    const seat = this.dataSeat;
    if (seat < 0) return;
    const inspector = this.seats.inspectors[seat]!;
    if (inspector !== null && to > from) inspector.body(bytes, from, to);
    this.seats.bodyBytes[seat] = this.seats.bodyBytes[seat]! + to - from;
    if (isLast && this.dataEndsStream) this.complete(seat);
  }

  onFrameViolation(_violation: number): void {
    this.break(ErrorCode.protocolError);
  }

  private onHeaders(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    let start = from;
    let end = to;
    if ((flags & Flag.padded) !== 0) {
      end -= to > from ? bytes[start++]! : 1;
    }
    if ((flags & Flag.priority) !== 0) start += 5;
    if (start > end || this.isIdleId(id)) {
      this.break(ErrorCode.protocolError);
      return;
    }
    const seat = this.seats.find(id);
    if (seat >= 0) this.seats.noteReceived(seat, frameHeadBytes + to - from);
    this.blockEndsStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) {
      this.onBlock(id, bytes, start, end);
      return;
    }
    this.reader.blockStreamId = id;
    this.block.begin();
    this.block.add(bytes, start, end);
  }

  private onContinuation(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    const { block } = this;
    if (!block.add(bytes, from, to)) {
      this.break(ErrorCode.enhanceYourCalm);
      return;
    }
    if ((flags & Flag.endHeaders) === 0) return;
    this.reader.blockStreamId = 0;
    this.onBlock(id, block.bytes, 0, block.end);
  }

  private onBlock(id: number, bytes: Uint8Array, from: number, to: number): void {
    const { list, head } = this.scratch;
    // A block is decoded even for a stream that has ended: later ones refer to what it adds to the table.
    if (!this.decoder.decode(bytes, from, to, list)) {
      this.break(ErrorCode.compressionError);
      return;
    }
    const seat = this.seats.find(id);
    if (seat < 0) return;
    const isEnd = this.blockEndsStream;
    const isTrailer = this.seats.statuses[seat]! >= 200;
    if (!readAnswerHead(list, head, isTrailer) || (isTrailer && !isEnd) || (head.status < 200 && !isTrailer && isEnd)) {
      this.reject(seat, ErrorCode.protocolError, Failure.malformed);
      return;
    }
    if (!isTrailer) {
      this.seats.statuses[seat] = head.status;
      if (head.status < 200) return;
      this.seats.bodyBytesDue[seat] = head.contentLength;
      const inspector = this.seats.inspectors[seat]!;
      if (inspector !== null) inspector.head(list.bytes, 0, list.end);
    }
    if (isEnd) this.complete(seat);
  }

  private onSettings(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) this.break(ErrorCode.protocolError);
    else if (!isSettingsLength(to - from)) this.break(ErrorCode.frameSizeError);
    else if ((flags & Flag.ack) !== 0) {
      if (to > from) this.break(ErrorCode.frameSizeError);
    } else this.applySettings(bytes, from, to);
  }

  private applySettings(bytes: Uint8Array, from: number, to: number): void {
    const allowed = this.streamsAllowed;
    const code = this.sender.applySettings(bytes, from, to);
    if (code !== ErrorCode.noError) {
      this.break(code);
      return;
    }
    if (this.isFlooded()) return;
    writeSettingsAck(this.output);
    if (!this.isReady) {
      this.isReady = true;
      this.events.onReady(this);
    } else if (allowed !== this.streamsAllowed) this.events.onStreamsAllowed(this);
    this.sender.sendRests();
  }

  private onGoaway(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) this.break(ErrorCode.protocolError);
    else if (to - from < 8) this.break(ErrorCode.frameSizeError);
    else {
      const lastId = readUint31(bytes, from);
      this.goawayCode = readUint32(bytes, from + 4);
      // Before the failures are told, for whoever hears of one may want to send again.
      this.leave();
      for (let seat = 0; seat < this.seats.count; seat++) {
        if (this.seats.ids[seat]! > lastId) this.end(seat, goawayFailure(this.goawayCode));
      }
    }
  }

  private onWindowUpdate(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (to - from !== 4) {
      this.break(ErrorCode.frameSizeError);
      return;
    }
    const growth = readUint31(bytes, from);
    if (id === 0) {
      const code = this.sender.grow(growth);
      if (code !== ErrorCode.noError) this.break(code);
      return;
    }
    if (this.isIdleId(id)) {
      this.break(ErrorCode.protocolError);
      return;
    }
    const seat = this.seats.find(id);
    if (seat < 0) return;
    const code = this.sender.growStream(seat, growth);
    if (code !== ErrorCode.noError) this.reject(seat, code, Failure.protocolError);
  }

  /** A server that asks and does not read the answers is given up. */
  private isFlooded(): boolean {
    if (this.output.pendingBytes === 0) this.owedCount = 0;
    if (++this.owedCount <= owedMax) return false;
    this.break(ErrorCode.enhanceYourCalm);
    return true;
  }

  private giveBackConnection(): void {
    if (this.receiveWindow > connectionWindowBytes / 2) return;
    writeNumberFrame(this.output, FrameType.windowUpdate, 0, connectionWindowBytes - this.receiveWindow);
    this.receiveWindow = connectionWindowBytes;
  }

  private giveBack(seat: number): void {
    const left = this.seats.receiveWindows[seat]!;
    if (left > streamWindowBytes / 2) return;
    writeNumberFrame(this.output, FrameType.windowUpdate, this.seats.ids[seat]!, streamWindowBytes - left);
    this.seats.receiveWindows[seat] = streamWindowBytes;
  }

  /** The answer is whole, if it has the length it spoke of. */
  private complete(seat: number): void {
    const { seats } = this;
    const id = seats.ids[seat]!;
    const status = seats.statuses[seat]!;
    const receivedBytes = seats.receivedBytes[seat]!;
    const isWhole = seats.isWhole(seat);
    // An answer may come before its request was sent whole; the rest is then not wanted.
    if (this.release(seat)) writeNumberFrame(this.output, FrameType.rstStream, id, ErrorCode.cancel);
    if (isWhole) this.events.onAnswer(this, seat, status, receivedBytes);
    else this.events.onFailed(this, seat, Failure.wrongLength);
  }

  /** The server broke a rule of a stream: it is reset. */
  private reject(seat: number, code: number, failure: Failure): void {
    writeNumberFrame(this.output, FrameType.rstStream, this.seats.ids[seat]!, code);
    this.end(seat, failure);
  }

  private end(seat: number, failure: Failure): void {
    if (seat < 0) return;
    this.release(seat);
    this.events.onFailed(this, seat, failure);
  }

  /** Frees a seat; true where its request was not sent to its end. */
  private release(seat: number): boolean {
    this.seats.release(seat);
    if (this.dataSeat === seat) this.dataSeat = -1;
    return this.sender.release(seat);
  }

  /** The server broke a rule of the connection. */
  private break(code: number): void {
    if (this.isBroken) return;
    this.isBroken = true;
    this.stop();
    writeGoaway(this.output, 0, code);
    this.events.onBroken(this, this.isReady ? Failure.protocolError : Failure.noHttp2);
  }

  /** Whether a stream was never opened by us. */
  private isIdleId(id: number): boolean {
    return id === 0 || (id & 1) === 0 || id >= this.nextId;
  }
}

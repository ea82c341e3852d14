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
import { copyBytes } from "../base/mod.ts";
import {
  ErrorCode,
  FieldList,
  Flag,
  type FrameHandler,
  FrameReader,
  FrameType,
  frameBytesDefault,
  frameBytesMax,
  frameHeadBytes,
  HpackDecoder,
  HpackEncoder,
  isSettingsLength,
  Output,
  preface,
  putFrameHead,
  putUint32,
  readUint31,
  readUint32,
  Setting,
  streamIdMax,
  windowBytesDefault,
  windowBytesMax,
  writeGoaway,
  writeNumberFrame,
  writePing,
  writeSettingsAck,
} from "../protocols/mod.ts";
import { Failure, goawayFailure, resetFailure } from "./failures.ts";
import { AnswerHead, readAnswerHead } from "./http2-answer.ts";
import type { Http2Request } from "./http2-request.ts";
import type { AnswerInspector } from "./protocol-client.ts";

const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 64 * 1024 * 1024;
/** A field block over all its frames; more than any head a person would send. */
const blockBytesMax = 262_144;
/** Answers to the server's pings and settings that may wait to be written; more is a flood. */
const owedMax = 10_000;
const fieldsMax = 256;
const listBytesMax = 65_536;
const settingBytes = 6;
const noBytes = new Uint8Array(0);

/** How the session tells its owner. Every call may send again. */
export interface Http2SessionEvents {
  /** The server's first SETTINGS are there. */
  onReady(session: Http2Session): void;
  /** The server allows another number of streams. */
  onStreamsAllowed(session: Http2Session): void;
  onAnswer(session: Http2Session, seat: number, status: number, receivedBytes: number): void;
  onFailed(session: Http2Session, seat: number, failure: Failure): void;
  /** No stream can be opened any more; those that are open go on. */
  onLeaving(session: Http2Session): void;
  /** The connection cannot go on; what is to be said to the server is in the output. */
  onBroken(session: Http2Session, failure: Failure): void;
}

/** Scratch that the sessions of a process share: a block is decoded, and one encoded, in one go. */
export class Http2Scratch {
  readonly list = new FieldList(fieldsMax, listBytesMax);
  readonly head = new AnswerHead();
  readonly block = new Output();
}

export class Http2Session implements FrameHandler {
  isReady = false;
  /** The server said GOAWAY, or the ids are used up. */
  isLeaving = false;
  isBroken = false;
  /** How many streams the server allows at once. */
  streamsAllowed = Number.POSITIVE_INFINITY;
  busyCount = 0;
  /** Chunks received, to tell a connection that is silent from one that is slow. */
  receivedCount = 0;
  readonly index: number;
  private goawayCode = -1;
  private owedCount = 0;
  private nextId = 1;
  private readonly output: Output;
  private readonly scratch: Http2Scratch;
  private readonly events: Http2SessionEvents;
  private readonly reader = new FrameReader(false);
  private readonly encoder = new HpackEncoder();
  private readonly decoder = new HpackDecoder();
  private readonly seatOf = new Map<number, number>();
  private sendWindow = windowBytesDefault;
  private streamSendWindow = windowBytesDefault;
  private receiveWindow = connectionWindowBytes;
  /** A field block in several frames. */
  private block = noBytes;
  private blockEnd = 0;
  private blockEndsStream = false;
  /** Where the DATA frame that is being read belongs; -1 for a stream that has ended. */
  private dataSeat = -1;
  private dataEndsStream = false;
  // By seat.
  private readonly ids: Int32Array;
  private readonly statuses: Int32Array;
  private readonly receivedBytes: Float64Array;
  private readonly bodyBytes: Float64Array;
  private readonly bodyBytesDue: Float64Array;
  private readonly sendWindows: Float64Array;
  private readonly receiveWindows: Float64Array;
  private readonly sentAtCount: Float64Array;
  private readonly expectsNoBody: Uint8Array;
  private readonly inspectors: (AnswerInspector | null)[];
  /** What is left of a request's body, where the server's windows did not take it at once. */
  private readonly rests: (Uint8Array | null)[];
  private readonly restAt: Float64Array;

  /** @param index handed back to the owner with every event */
  constructor(index: number, seats: number, output: Output, scratch: Http2Scratch, events: Http2SessionEvents) {
    this.index = index;
    this.output = output;
    this.scratch = scratch;
    this.events = events;
    this.ids = new Int32Array(seats);
    this.statuses = new Int32Array(seats);
    this.receivedBytes = new Float64Array(seats);
    this.bodyBytes = new Float64Array(seats);
    this.bodyBytesDue = new Float64Array(seats);
    this.sendWindows = new Float64Array(seats);
    this.receiveWindows = new Float64Array(seats);
    this.sentAtCount = new Float64Array(seats);
    this.expectsNoBody = new Uint8Array(seats);
    this.inspectors = new Array<AnswerInspector | null>(seats).fill(null);
    this.rests = new Array<Uint8Array | null>(seats).fill(null);
    this.restAt = new Float64Array(seats);
  }

  /** Writes what a client begins with: preface, SETTINGS, and the window of the connection. */
  begin(): void {
    const { output } = this;
    output.reserve(preface.length + frameHeadBytes + 2 * settingBytes);
    let at = copyBytes(preface, 0, preface.length, output.bytes, output.end);
    at = putFrameHead(output.bytes, at, 2 * settingBytes, FrameType.settings, 0, 0);
    at = putSetting(output.bytes, at, Setting.enablePush, 0);
    output.end = putSetting(output.bytes, at, Setting.initialWindowSize, streamWindowBytes);
    writeNumberFrame(output, FrameType.windowUpdate, 0, connectionWindowBytes - windowBytesDefault);
  }

  /** Opens a stream on a free seat and writes its request. */
  request(seat: number, request: Http2Request): void {
    const { output } = this;
    const id = this.nextId;
    this.nextId += 2;
    this.seatOf.set(id, seat);
    this.busyCount++;
    this.ids[seat] = id;
    this.statuses[seat] = 0;
    this.receivedBytes[seat] = 0;
    this.bodyBytes[seat] = 0;
    this.bodyBytesDue[seat] = -1;
    this.sendWindows[seat] = this.streamSendWindow;
    this.receiveWindows[seat] = streamWindowBytes;
    this.sentAtCount[seat] = this.receivedCount;
    this.expectsNoBody[seat] = request.expectsNoBody ? 1 : 0;
    this.inspectors[seat] = request.inspector;
    if (request.inspector !== null) request.inspector.begin();
    const bodyLength = request.body.end - request.body.start;
    const before = output.positionOf(output.end);
    this.writeBlock(id, request, bodyLength === 0);
    request.length = output.positionOf(output.end) - before + bodyLength;
    if (bodyLength > 0) this.sendBody(seat, request.bytes, request.body.start, request.body.end, true);
    if (this.nextId > streamIdMax) this.leave();
  }

  /** Gives up an exchange. */
  cancel(seat: number): void {
    writeNumberFrame(this.output, FrameType.rstStream, this.ids[seat]!, ErrorCode.cancel);
    this.release(seat);
  }

  isBusy(seat: number): boolean {
    return this.ids[seat] !== 0;
  }

  /** Whether anything of a seat's answer has come. */
  hasBegun(seat: number): boolean {
    return this.receivedBytes[seat]! > 0;
  }

  /** Whether the server has said anything at all since a seat's request. */
  wasHeardSince(seat: number): boolean {
    return this.receivedCount > this.sentAtCount[seat]!;
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
        else this.end(this.find(id), resetFailure(readUint32(bytes, from)));
        return;
      case FrameType.settings:
        this.onSettings(flags, id, bytes, from, to);
        return;
      case FrameType.ping:
        if (to - from !== 8) this.break(ErrorCode.frameSizeError);
        else if (id !== 0) this.break(ErrorCode.protocolError);
        else if ((flags & Flag.ack) === 0) this.answerPing(bytes, from);
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
    const seat = this.find(id);
    this.dataSeat = seat;
    if (seat < 0) return;
    this.receivedBytes[seat] = this.receivedBytes[seat]! + frameHeadBytes + length;
    this.receiveWindows[seat] = this.receiveWindows[seat]! - length;
    if (this.statuses[seat]! < 200) this.reject(seat, ErrorCode.protocolError, Failure.malformed);
    else if (!this.dataEndsStream) this.giveBack(seat);
    if (this.ids[seat] !== id) this.dataSeat = -1;
  }

  /** Padding counts for windows, as the whole frame does, and for nothing else. */
  onDataPadding(_length: number): void {}

  onDataPiece(bytes: Uint8Array, from: number, to: number, isLast: boolean): void {
    const seat = this.dataSeat;
    if (seat < 0) return;
    const inspector = this.inspectors[seat]!;
    if (inspector !== null && to > from) inspector.body(bytes, from, to);
    this.bodyBytes[seat] = this.bodyBytes[seat]! + to - from;
    if (isLast && this.dataEndsStream) this.complete(seat);
  }

  onFrameViolation(_violation: number): void {
    this.break(ErrorCode.protocolError);
  }

  private writeBlock(id: number, request: Http2Request, isEnd: boolean): void {
    const { block } = this.scratch;
    const { output } = this;
    request.encode(this.encoder, block);
    let from = block.start;
    let type: number = FrameType.headers;
    let flags = isEnd ? Flag.endStream : 0;
    do {
      const length = Math.min(frameBytesDefault, block.end - from);
      if (from + length === block.end) flags |= Flag.endHeaders;
      output.reserve(frameHeadBytes + length);
      const at = putFrameHead(output.bytes, output.end, length, type, flags, id);
      output.end = copyBytes(block.bytes, from, from + length, output.bytes, at);
      from += length;
      type = FrameType.continuation;
      flags = 0;
    } while (from < block.end);
    block.drain(block.end - block.start);
  }

  /** Sends as much of a body as the windows take; the rest is kept, once. */
  private sendBody(seat: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean): void {
    const { output } = this;
    let at = from;
    while (at < to) {
      const length = Math.min(to - at, frameBytesDefault, this.sendWindow, this.sendWindows[seat]!);
      if (length <= 0) break;
      this.sendWindow -= length;
      this.sendWindows[seat] = this.sendWindows[seat]! - length;
      output.reserve(frameHeadBytes + length);
      const flags = at + length === to ? Flag.endStream : 0;
      const payload = putFrameHead(output.bytes, output.end, length, FrameType.data, flags, this.ids[seat]!);
      output.end = copyBytes(bytes, at, at + length, output.bytes, payload);
      at += length;
    }
    if (at === to) this.rests[seat] = null;
    else if (isFirst) this.keepRest(seat, bytes, at, to);
    else this.restAt[seat] = at;
  }

  /** A body that waits for the server, which is rare. @cold */
  private keepRest(seat: number, bytes: Uint8Array, from: number, to: number): void {
    this.rests[seat] = bytes.slice(from, to);
    this.restAt[seat] = 0;
  }

  /** Windows have grown: bodies go on. */
  private sendRests(): void {
    for (let seat = 0; seat < this.rests.length && this.sendWindow > 0; seat++) this.sendRest(seat);
  }

  private sendRest(seat: number): void {
    const rest = this.rests[seat]!;
    if (rest !== null) this.sendBody(seat, rest, this.restAt[seat]!, rest.length, false);
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
    const seat = this.find(id);
    if (seat >= 0) this.receivedBytes[seat] = this.receivedBytes[seat]! + frameHeadBytes + to - from;
    this.blockEndsStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) {
      this.onBlock(id, bytes, start, end);
      return;
    }
    this.reader.blockStreamId = id;
    this.blockEnd = 0;
    this.gather(bytes, start, end);
  }

  private onContinuation(flags: number, id: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.blockEnd + to - from > blockBytesMax) {
      this.break(ErrorCode.enhanceYourCalm);
      return;
    }
    this.gather(bytes, from, to);
    if ((flags & Flag.endHeaders) === 0) return;
    this.reader.blockStreamId = 0;
    this.onBlock(id, this.block, 0, this.blockEnd);
  }

  private gather(bytes: Uint8Array, from: number, to: number): void {
    const wanted = this.blockEnd + to - from;
    if (this.block.length < wanted) {
      const larger = new Uint8Array(wanted * 2);
      copyBytes(this.block, 0, this.blockEnd, larger, 0);
      this.block = larger;
    }
    this.blockEnd = copyBytes(bytes, from, to, this.block, this.blockEnd);
  }

  private onBlock(id: number, bytes: Uint8Array, from: number, to: number): void {
    const { list, head } = this.scratch;
    // A block is decoded even for a stream that has ended: later ones refer to what it adds to the table.
    if (!this.decoder.decode(bytes, from, to, list)) {
      this.break(ErrorCode.compressionError);
      return;
    }
    const seat = this.find(id);
    if (seat < 0) return;
    const isEnd = this.blockEndsStream;
    const isTrailer = this.statuses[seat]! >= 200;
    if (!readAnswerHead(list, head, isTrailer) || (isTrailer && !isEnd) || (head.status < 200 && !isTrailer && isEnd)) {
      this.reject(seat, ErrorCode.protocolError, Failure.malformed);
      return;
    }
    if (!isTrailer) {
      this.statuses[seat] = head.status;
      if (head.status < 200) return;
      this.bodyBytesDue[seat] = head.contentLength;
      const inspector = this.inspectors[seat]!;
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
    for (let at = from; at < to; at += settingBytes) {
      const code = this.applySetting((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2));
      if (code !== ErrorCode.noError) {
        this.break(code);
        return;
      }
    }
    if (this.isFlooded()) return;
    writeSettingsAck(this.output);
    if (!this.isReady) {
      this.isReady = true;
      this.events.onReady(this);
    } else if (allowed !== this.streamsAllowed) this.events.onStreamsAllowed(this);
    this.sendRests();
  }

  /** Takes one setting (section 6.5.2): the error code to end the connection with, or none. */
  private applySetting(id: number, value: number): number {
    switch (id) {
      case Setting.headerTableSize:
        this.encoder.allowTableBytes(value);
        return ErrorCode.noError;
      case Setting.enablePush:
        return value === 0 ? ErrorCode.noError : ErrorCode.protocolError;
      case Setting.maxConcurrentStreams:
        this.streamsAllowed = value;
        return ErrorCode.noError;
      case Setting.initialWindowSize:
        return this.changeWindows(value);
      case Setting.maxFrameSize:
        return value >= frameBytesDefault && value <= frameBytesMax ? ErrorCode.noError : ErrorCode.protocolError;
      default:
        return ErrorCode.noError;
    }
  }

  private changeWindows(value: number): number {
    if (value > windowBytesMax) return ErrorCode.flowControlError;
    const change = value - this.streamSendWindow;
    this.streamSendWindow = value;
    for (let seat = 0; seat < this.ids.length; seat++) {
      if (this.ids[seat] === 0) continue;
      this.sendWindows[seat] = this.sendWindows[seat]! + change;
      if (this.sendWindows[seat]! > windowBytesMax) return ErrorCode.flowControlError;
    }
    return ErrorCode.noError;
  }

  private onGoaway(id: number, bytes: Uint8Array, from: number, to: number): void {
    if (id !== 0) this.break(ErrorCode.protocolError);
    else if (to - from < 8) this.break(ErrorCode.frameSizeError);
    else {
      const lastId = readUint31(bytes, from);
      this.goawayCode = readUint32(bytes, from + 4);
      // Before the failures are told, for whoever hears of one may want to send again.
      this.leave();
      for (let seat = 0; seat < this.ids.length; seat++) {
        if (this.ids[seat]! > lastId) this.end(seat, goawayFailure(this.goawayCode));
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
      this.sendWindow += growth;
      if (growth === 0) this.break(ErrorCode.protocolError);
      else if (this.sendWindow > windowBytesMax) this.break(ErrorCode.flowControlError);
      else this.sendRests();
      return;
    }
    if (this.isIdleId(id)) {
      this.break(ErrorCode.protocolError);
      return;
    }
    const seat = this.find(id);
    if (seat < 0) return;
    this.sendWindows[seat] = this.sendWindows[seat]! + growth;
    if (growth === 0) this.reject(seat, ErrorCode.protocolError, Failure.protocolError);
    else if (this.sendWindows[seat]! > windowBytesMax) {
      this.reject(seat, ErrorCode.flowControlError, Failure.protocolError);
    } else this.sendRest(seat);
  }

  private answerPing(bytes: Uint8Array, from: number): void {
    if (!this.isFlooded()) writePing(this.output, true, bytes, from);
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
    const left = this.receiveWindows[seat]!;
    if (left > streamWindowBytes / 2) return;
    writeNumberFrame(this.output, FrameType.windowUpdate, this.ids[seat]!, streamWindowBytes - left);
    this.receiveWindows[seat] = streamWindowBytes;
  }

  /** The answer is whole, if it has the length it spoke of. */
  private complete(seat: number): void {
    const status = this.statuses[seat]!;
    const due = this.bodyBytesDue[seat]!;
    const hasBody = this.expectsNoBody[seat] === 0 && status !== 204 && status !== 304;
    const receivedBytes = this.receivedBytes[seat]!;
    // An answer may come before its request was sent whole; the rest is then not wanted.
    if (this.rests[seat] !== null) {
      writeNumberFrame(this.output, FrameType.rstStream, this.ids[seat]!, ErrorCode.cancel);
    }
    const isRight = due < 0 || due === this.bodyBytes[seat] || (!hasBody && this.bodyBytes[seat] === 0);
    this.release(seat);
    if (isRight) this.events.onAnswer(this, seat, status, receivedBytes);
    else this.events.onFailed(this, seat, Failure.wrongLength);
  }

  /** The server broke a rule of a stream: it is reset. */
  private reject(seat: number, code: number, failure: Failure): void {
    writeNumberFrame(this.output, FrameType.rstStream, this.ids[seat]!, code);
    this.end(seat, failure);
  }

  private end(seat: number, failure: Failure): void {
    if (seat < 0) return;
    this.release(seat);
    this.events.onFailed(this, seat, failure);
  }

  private release(seat: number): void {
    this.seatOf.delete(this.ids[seat]!);
    this.ids[seat] = 0;
    this.rests[seat] = null;
    this.busyCount--;
    if (this.dataSeat === seat) this.dataSeat = -1;
  }

  /** The server broke a rule of the connection. */
  private break(code: number): void {
    if (this.isBroken) return;
    this.isBroken = true;
    this.stop();
    writeGoaway(this.output, 0, code);
    this.events.onBroken(this, this.isReady ? Failure.protocolError : Failure.noHttp2);
  }

  /** The seat of a stream, -1 where it has ended. */
  private find(id: number): number {
    return this.seatOf.get(id) ?? -1;
  }

  /** Whether a stream was never opened by us. */
  private isIdleId(id: number): boolean {
    return id === 0 || (id & 1) === 0 || id >= this.nextId;
  }
}

function putSetting(bytes: Uint8Array, at: number, id: number, value: number): number {
  bytes[at] = id >>> 8;
  bytes[at + 1] = id;
  putUint32(bytes, at + 2, value);
  return at + settingBytes;
}

/**
 * @hot An HTTP/2 connection's receiving half (RFC 9113 §5 to §8): every frame judged against the state of its stream.
 *
 * The RFC lets an endpoint treat any error of a stream as one of the connection; it is done only where the stream cannot be
 * told apart. Priorities are read and ignored (§5.3.2).
 */
import { copyBytes } from "../../base/mod.ts";
import { BodyKind, type MessageHead } from "../http1/mod.ts";
import { ConnectionCore } from "./connection-core.ts";
import type { FrameHandler } from "./frame-reader.ts";
import { Flag, FrameType, readUint31, readUint32, windowBytesMax, writePing, writeSettingsAck } from "./frames.ts";
import { Flood } from "./limits.ts";
import { readRequest, readResponse, readTrailers } from "./message.ts";
import { isSettingsLength } from "./settings.ts";
import { Ended, type Http2Stream } from "./stream.ts";
import { ErrorCode, Violation } from "./violations.ts";

const none = new Uint8Array(0);
const priorityBytes = 5;

export class Http2Connection<Context> extends ConnectionCore<Context> implements FrameHandler {
  /** A field block that comes in several frames: its bytes so far, and what its HEADERS frame said. */
  private block = none;
  private blockEnd = 0;
  private blockEndsStream = false;
  private continuations = 0;
  private isDataEnd = false;

  /** Takes what the socket read. */
  receive(bytes: Uint8Array, from: number, to: number): void {
    this.reader.receive(bytes, from, to, this);
  }

  onFrameViolation(violation: number): void {
    this.fail(violation);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): void {
    const violation = this.judge(type, flags, streamId, bytes, from, to);
    if (violation !== 0) this.fail(violation);
  }

  onDataStart(flags: number, streamId: number, length: number): void {
    this.dataStream = null;
    this.isDataEnd = (flags & Flag.endStream) !== 0;
    const violation = this.judgeDataHead(streamId, length);
    if (violation !== 0) this.fail(violation);
  }

  onDataPadding(length: number): void {
    if (this.dataStream !== null) this.consume(this.dataStream, length);
  }

  onDataPiece(bytes: Uint8Array, from: number, to: number, isLast: boolean): void {
    const stream = this.dataStream;
    if (stream === null) return;
    const streamId = stream.id;
    const isEnd = isLast && this.isDataEnd;
    const violation = this.judgePiece(stream, to - from, isLast, isEnd);
    if (violation !== 0) this.fail(violation);
    else if ((from < to || isEnd) && this.holds(stream, streamId)) {
      if (isEnd) this.endReceiving(stream);
      else if (isLast) this.dataStream = null;
      this.events.onData(stream, bytes, from, to, isEnd);
      if (isEnd) this.closeEnded(stream, streamId);
    }
  }

  /** Each of the functions below returns the violation that ends the connection, or 0. */
  private judge(type: number, flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): number {
    switch (type) {
      case FrameType.headers:
        return this.onHeaders(flags, streamId, bytes, from, to);
      case FrameType.continuation:
        return this.onContinuation(flags, streamId, bytes, from, to);
      case FrameType.windowUpdate:
        return this.onWindowUpdate(streamId, bytes, from, to);
      case FrameType.rstStream:
        return this.onRstStream(streamId, bytes, from, to);
      case FrameType.settings:
        return this.onSettingsFrame(flags, streamId, bytes, from, to);
      case FrameType.ping:
        return this.onPing(flags, streamId, bytes, from, to);
      case FrameType.goaway:
        return this.onGoawayFrame(streamId, bytes, from, to);
      case FrameType.pushPromise:
        // A client never promises, and ours has said that it wants no promises (§8.4).
        return Violation.pushPromise;
      case FrameType.priority:
        if (streamId === 0) return Violation.zeroStream;
        return to - from === priorityBytes ? this.spendControl() : Violation.frameSize;
      default:
        return this.spendControl();
    }
  }

  private judgeDataHead(streamId: number, length: number): number {
    if (streamId === 0) return Violation.zeroStream;
    if (length > this.receiveWindow) return Violation.flowControl;
    this.receiveWindow -= length;
    const stream = this.table.get(streamId);
    if (stream === null) return this.onDataAfterEnd(streamId, length);
    let violation = 0;
    if (!stream.isReceiving) violation = Violation.halfClosedStream;
    else if (!stream.hasHead) violation = Violation.dataBeforeHead;
    else if (length > stream.receiveWindow) violation = Violation.flowControlStream;
    if (violation !== 0) {
      this.release(length);
      return this.failStream(streamId, stream, violation);
    }
    stream.receiveWindow -= length;
    stream.unconsumedBytes += length;
    this.dataStream = stream;
    return 0;
  }

  /** Content-Length and frames that carry nothing. */
  private judgePiece(stream: Http2Stream<Context>, length: number, isLast: boolean, isEnd: boolean): number {
    if (stream.bodyLeftBytes >= 0) {
      stream.bodyLeftBytes -= length;
      if (stream.bodyLeftBytes < 0 || (isEnd && stream.bodyLeftBytes > 0)) {
        return this.failStream(stream.id, stream, Violation.contentLengthMismatch);
      }
    }
    if (length > 0) this.flood.refund(Flood.emptyFrames, 1);
    else if (isLast && !isEnd && !this.flood.spend(Flood.emptyFrames)) return Violation.emptyFrameFlood;
    return 0;
  }

  /** DATA on a stream that is not open: never opened, long ended, or reset by us while this was on its way. */
  private onDataAfterEnd(streamId: number, length: number): number {
    if (this.isIdle(streamId)) return Violation.idleStream;
    const how = this.ended.find(streamId);
    if (how === Ended.bySides || how === Ended.byPeer) return Violation.closedStream;
    this.release(length);
    // What was on its way within the stream's window is no more of a flood than it would have been before the reset.
    return this.ended.takeLate(streamId, length) ? 0 : this.spendControl();
  }

  private onHeaders(flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (streamId === 0) return Violation.zeroStream;
    let start = from;
    let end = to;
    if ((flags & Flag.padded) !== 0) {
      if (start === end) return Violation.frameSize;
      end -= bytes[start++]!;
    }
    if ((flags & Flag.priority) !== 0) {
      if (to - start < priorityBytes) return Violation.frameSize;
      start += priorityBytes;
    }
    if (end < start) return Violation.padding;
    const isEnd = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) return this.onBlock(streamId, isEnd, bytes, start, end);
    this.reader.blockStreamId = streamId;
    this.blockEndsStream = isEnd;
    this.blockEnd = 0;
    this.continuations = 0;
    this.appendBlock(bytes, start, end);
    return 0;
  }

  private onContinuation(flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): number {
    this.continuations += 1;
    if (this.continuations > this.limits.continuationsMax) return Violation.continuationFlood;
    if (this.blockEnd + to - from > this.limits.fieldBlockBytesMax) return Violation.fieldBlockTooLarge;
    this.appendBlock(bytes, from, to);
    if ((flags & Flag.endHeaders) === 0) return 0;
    const { block, blockEnd } = this;
    this.block = none;
    this.reader.blockStreamId = 0;
    return this.onBlock(streamId, this.blockEndsStream, block, 0, blockEnd);
  }

  private appendBlock(bytes: Uint8Array, from: number, to: number): void {
    const length = this.blockEnd + to - from;
    if (length > this.block.length) {
      const grown = new Uint8Array(Math.min(Math.max(4096, 2 * length), this.limits.fieldBlockBytesMax));
      copyBytes(this.block, 0, this.blockEnd, grown, 0);
      this.block = grown;
    }
    this.blockEnd = copyBytes(bytes, from, to, this.block, this.blockEnd);
  }

  /** A whole field block. It is decoded whatever becomes of its stream, for later ones refer to it. */
  private onBlock(streamId: number, isEnd: boolean, bytes: Uint8Array, from: number, to: number): number {
    // Only clients open streams, for pushes are not allowed: every id is odd (§5.1.1).
    if ((streamId & 1) === 0) return Violation.streamParity;
    if (!this.decoder.decode(bytes, from, to, this.shared.list)) return Violation.compression;
    const stream = this.table.get(streamId);
    if (stream !== null) {
      if (!stream.isReceiving) return this.failStream(streamId, stream, Violation.halfClosedStream);
      if (stream.hasHead) return this.onTrailerBlock(stream, isEnd);
      return this.onResponse(stream, isEnd);
    }
    if (this.isIdle(streamId)) {
      if (this.role === "client") return Violation.idleStream;
      return this.onRequest(streamId, isEnd);
    }
    const how = this.ended.find(streamId);
    // Too many may have ended since to remember which we had reset (§5.1: what is late on those is ignored). A request on an
    // id that was passed over (§5.1.1) is told from late trailers by its pseudo-fields.
    const mayBeLate = this.role === "client" || (isEnd && !this.shared.list.beginsWithPseudo);
    if (how === Ended.byUs || (how === Ended.unknown && mayBeLate)) return this.spendControl();
    return how === Ended.unknown ? Violation.streamOrder : Violation.closedStream;
  }

  private onRequest(streamId: number, isEnd: boolean): number {
    this.lastPeerStreamId = streamId;
    if (streamId > this.drainedStreamId) {
      // The last GOAWAY told the client that nobody acts on this one.
      this.ended.note(streamId, Ended.byUs, 0);
      return 0;
    }
    if (this.table.count >= this.limits.concurrentStreamsMax) {
      return this.failStream(streamId, null, Violation.refusedStream);
    }
    this.flood.refund(Flood.controls, 2);
    const { list, head, streams } = this.shared;
    if (list.isOver && !this.flood.spend(Flood.largeHeads)) return Violation.largeHeadFlood;
    const violation = list.isOver ? 0 : readRequest(list, head, isEnd, true);
    if (violation !== 0) return this.failStream(streamId, null, violation);
    const stream = streams.acquire(streamId, this.limits.streamWindowBytes, this.peer.initialWindow);
    stream.methodId = head.methodId;
    stream.hasHead = true;
    stream.isAnnounced = true;
    stream.isReceiving = !isEnd;
    stream.bodyLeftBytes = list.isOver ? -1 : bodyBytes(head);
    this.table.add(stream);
    if (list.isOver) {
      this.events.onViolation(Violation.headTooLarge);
      this.events.onHeadTooLarge(stream, isEnd);
    } else this.events.onHead(stream, head, isEnd);
    return 0;
  }

  private onResponse(stream: Http2Stream<Context>, isEnd: boolean): number {
    const { list, head } = this.shared;
    const { id } = stream;
    const violation = list.isOver ? Violation.headTooLarge : readResponse(list, head, isEnd, stream.methodId);
    if (violation !== 0) return this.failStream(id, stream, violation);
    if (head.status >= 200) {
      stream.hasHead = true;
      stream.bodyLeftBytes = bodyBytes(head);
    }
    if (isEnd) this.endReceiving(stream);
    this.events.onHead(stream, head, isEnd);
    if (isEnd) this.closeEnded(stream, id);
    return 0;
  }

  private onTrailerBlock(stream: Http2Stream<Context>, isEnd: boolean): number {
    const { list, head } = this.shared;
    const { id } = stream;
    let violation = 0;
    if (!isEnd) violation = Violation.trailersOpen;
    else if (list.isOver) violation = Violation.headTooLarge;
    else violation = readTrailers(list, head);
    if (violation === 0 && stream.bodyLeftBytes > 0) violation = Violation.contentLengthMismatch;
    if (violation !== 0) return this.failStream(id, stream, violation);
    this.endReceiving(stream);
    this.events.onTrailers(stream, head);
    this.closeEnded(stream, id);
    return 0;
  }

  private onWindowUpdate(streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (to - from !== 4) return Violation.frameSize;
    if (!this.flood.spend(Flood.windowUpdates)) return Violation.windowFlood;
    const increment = readUint31(bytes, from);
    if (streamId === 0) {
      if (increment === 0) return Violation.windowZero;
      if (this.sender.window + increment > windowBytesMax) return Violation.windowOverflow;
      this.sender.window += increment;
      this.resume();
      return 0;
    }
    const stream = this.table.get(streamId);
    if (stream === null) return this.isIdle(streamId) ? Violation.idleStream : 0;
    if (increment === 0) return this.failStream(streamId, stream, Violation.windowZeroStream);
    if (stream.sendWindow + increment > windowBytesMax) {
      return this.failStream(streamId, stream, Violation.windowOverflowStream);
    }
    stream.sendWindow += increment;
    this.wake(stream);
    this.resume();
    return 0;
  }

  private onRstStream(streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (streamId === 0) return Violation.zeroStream;
    if (to - from !== 4) return Violation.frameSize;
    if (this.isIdle(streamId)) return Violation.idleStream;
    const stream = this.table.get(streamId);
    if (stream === null) return this.spendControl();
    this.events.onReset(stream, readUint32(bytes, from), 0);
    if (this.holds(stream, streamId)) this.closeStream(stream, Ended.byPeer);
    return this.spendReset();
  }

  private onSettingsFrame(flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (streamId !== 0) return Violation.nonzeroStream;
    if ((flags & Flag.ack) !== 0) {
      if (to !== from) return Violation.frameSize;
      if (this.settingsOutstanding === 0) return Violation.settingsAck;
      this.settingsOutstanding -= 1;
      this.decoder.acknowledgeTableBytes(this.limits.tableBytes);
      return 0;
    }
    if (!isSettingsLength(to - from)) return Violation.frameSize;
    if (!this.flood.spend(Flood.settings)) return Violation.settingsFlood;
    const before = this.peer.initialWindow;
    const violation = this.peer.applyAll(bytes, from, to, this.role === "server" ? "client" : "server");
    if (violation !== 0) return violation;
    this.sender.encoder.allowTableBytes(this.peer.tableBytes);
    if (!this.moveWindows(this.peer.initialWindow - before)) return Violation.settingsWindowOverflow;
    if (!this.hasBacklogRoom) return Violation.backlogFlood;
    writeSettingsAck(this.output);
    this.events.onSettings();
    this.resume();
    return 0;
  }

  /** A new initial window moves those of all open streams (§6.9.2); false when one overflows. @cold changed once a connection, if at all */
  private moveWindows(difference: number): boolean {
    if (difference === 0) return true;
    for (const stream of this.table.list()) {
      if (stream.sendWindow + difference > windowBytesMax) return false;
      stream.sendWindow += difference;
      this.wake(stream);
    }
    return true;
  }

  private onPing(flags: number, streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (streamId !== 0) return Violation.nonzeroStream;
    if (to - from !== 8) return Violation.frameSize;
    if ((flags & Flag.ack) !== 0) {
      if (this.isDrainPong(bytes, from)) this.finishDrain();
      else this.events.onPong();
      return this.spendControl();
    }
    if (!this.flood.spend(Flood.pings)) return Violation.pingFlood;
    if (!this.hasBacklogRoom) return Violation.backlogFlood;
    writePing(this.output, true, bytes, from);
    return 0;
  }

  private onGoawayFrame(streamId: number, bytes: Uint8Array, from: number, to: number): number {
    if (streamId !== 0) return Violation.nonzeroStream;
    if (to - from < 8) return Violation.frameSize;
    const lastStreamId = readUint31(bytes, from);
    const code = readUint32(bytes, from + 4);
    this.isPeerLeaving = true;
    if (this.role === "client") this.refuseAbove(lastStreamId);
    this.events.onGoaway(lastStreamId, code);
    return this.spendControl();
  }

  /** Streams of ours that the peer will not act on: they may be tried again elsewhere (§6.8). @cold once a connection */
  private refuseAbove(lastStreamId: number): void {
    for (const stream of this.table.list()) {
      const { id } = stream;
      if (id <= lastStreamId || !this.holds(stream, id)) continue;
      this.events.onReset(stream, ErrorCode.refusedStream, 0);
      if (this.holds(stream, id)) this.closeStream(stream, Ended.byUs);
    }
  }

  /** Whether no frame has opened the stream yet; even ids never are, for nobody may push. */
  private isIdle(streamId: number): boolean {
    if ((streamId & 1) === 0) return true;
    return this.role === "server" ? streamId > this.lastPeerStreamId : streamId >= this.nextStreamId;
  }

  private spendControl(): number {
    return this.flood.spend(Flood.controls) ? 0 : Violation.controlFlood;
  }
}

/** What a body must come to; -1 when it is not known. */
function bodyBytes(head: MessageHead): number {
  if (head.bodyKind === BodyKind.none) return 0;
  return head.bodyKind === BodyKind.length ? head.contentLength : -1;
}

/**
 * @hot What both directions of an HTTP/2 connection share: the life of streams, windows for what we receive, the ways a stream
 * or the connection ends, and the owner's calls.
 *
 * Pure: bytes come in by `receive` (connection.ts), frames go out through `output`, what happens is told to the owner by
 * `ConnectionEvents`. No socket, no clock. The owner
 *
 *   - writes `output` to its socket, tells `drained` after each write, and closes the socket after `onFailed`;
 *   - calls `consumeAll` when it has passed on what came, which is what opens the windows again: who does not consume stops the sender;
 *   - calls `refill` once a second for the flood budgets;
 *   - drops its reference to a stream in `onStreamClosed`.
 */
import { assert } from "../../base/mod.ts";
import { MessageHead } from "../http1/mod.ts";
import { FieldList } from "./field-list.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  FrameType,
  preface,
  streamIdMax,
  windowBytesDefault,
  writeGoaway,
  writeNumberFrame,
  writePing,
} from "./frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { checkLimits, Flood, FloodBudget, type Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import { Sender } from "./sender.ts";
import { PeerSettings, type Role, writeSettings } from "./settings.ts";
import { Ended, EndedStreams, type Http2Stream, StreamPool, StreamTable } from "./stream.ts";
import { ErrorCode, Violation, violationCode } from "./violations.ts";

/** What happens on a connection. Calls back into the connection are allowed from every one of them. */
export interface ConnectionEvents<Context> {
  /** A request (server), or an answer, interim ones too (client). `head` is valid during the call. */
  onHead(stream: Http2Stream<Context>, head: MessageHead, isEnd: boolean): void;
  /** A request's head is over the limits and was not kept: answer it with 431, or reset the stream. */
  onHeadTooLarge(stream: Http2Stream<Context>, isEnd: boolean): void;
  onData(stream: Http2Stream<Context>, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void;
  /** The fields after the body; the message ends with them. */
  onTrailers(stream: Http2Stream<Context>, head: MessageHead): void;
  /** A stream that was told to wait may send again. */
  onWindow(stream: Http2Stream<Context>): void;
  /** The peer, or a violation of its (then not 0), reset the stream; `onStreamClosed` follows. */
  onReset(stream: Http2Stream<Context>, code: number, violation: number): void;
  /** The last event of a stream that the owner knows. */
  onStreamClosed(stream: Http2Stream<Context>): void;
  /** The peer takes no stream above `lastStreamId`; those of ours have been reset with REFUSED_STREAM. */
  onGoaway(lastStreamId: number, code: number): void;
  onSettings(): void;
  /** Our PING was answered. */
  onPong(): void;
  /** Every violation, for the counters; those of streams the owner never saw come only here. */
  onViolation(violation: number): void;
  /** The connection is over: GOAWAY is in the output. Write it, close the socket, call `close`. */
  onFailed(violation: number): void;
}

/** What the connections of a worker share: scratch for decoding, and records. */
export class Http2Shared<Context> {
  readonly limits: Http2Limits;
  readonly list: FieldList;
  readonly head: MessageHead;
  readonly streams = new StreamPool<Context>();

  constructor(limits: Http2Limits) {
    checkLimits(limits);
    this.limits = limits;
    this.list = new FieldList(limits.fieldsMax, limits.headListBytesMax);
    // One more for the Host that `:authority` becomes.
    this.head = new MessageHead(limits.fieldsMax + 1);
  }
}

/** The pings that measure the way there and back before the last GOAWAY, and those of the owner. */
const drainPing = Buffer.from("weirdrai", "latin1") as Uint8Array;
const ownerPing = Buffer.from("weirping", "latin1") as Uint8Array;

export abstract class ConnectionCore<Context> {
  readonly role: Role;
  readonly sender: Sender<Context>;
  readonly output: Output;
  readonly peer = new PeerSettings();
  /** Set once by a violation of the connection, or by `close`. */
  isFailed = false;
  /** GOAWAY was sent: the last one, with the id of the last stream that is answered, or the first of two. */
  isDraining = false;
  drainedStreamId = streamIdMax;
  /** The peer sent GOAWAY: nothing can be opened any more. */
  isPeerLeaving = false;
  protected readonly limits: Http2Limits;
  protected readonly events: ConnectionEvents<Context>;
  protected readonly shared: Http2Shared<Context>;
  protected readonly flood: FloodBudget;
  protected readonly reader: FrameReader;
  protected readonly decoder = new HpackDecoder();
  protected readonly table = new StreamTable<Context>();
  protected readonly ended = new EndedStreams();
  /** The stream whose DATA frame is being read; null when its data is not wanted. */
  protected dataStream: Http2Stream<Context> | null = null;
  protected lastPeerStreamId = 0;
  protected nextStreamId = 1;
  protected settingsOutstanding = 0;
  protected receiveWindow: number;
  private creditBytes = 0;

  constructor(role: Role, shared: Http2Shared<Context>, events: ConnectionEvents<Context>) {
    this.role = role;
    this.shared = shared;
    this.limits = shared.limits;
    this.events = events;
    this.flood = new FloodBudget(this.limits);
    this.sender = new Sender(this.limits, this.flood);
    this.output = this.sender.output;
    this.reader = new FrameReader(role === "server");
    this.receiveWindow = this.limits.connectionWindowBytes;
  }

  get streamCount(): number {
    return this.table.count;
  }

  /** Whether the last GOAWAY was sent and every stream before it has ended. */
  get isDrained(): boolean {
    return this.isDraining && this.drainedStreamId !== streamIdMax && this.table.count === 0;
  }

  /** Writes what goes first: the preface of a client, our settings, the connection's window. */
  start(): void {
    if (this.role === "client") {
      this.output.reserve(preface.length);
      this.output.bytes.set(preface, this.output.end);
      this.output.end += preface.length;
    }
    writeSettings(this.output, this.role, this.limits);
    this.settingsOutstanding = 1;
    const more = this.limits.connectionWindowBytes - windowBytesDefault;
    if (more > 0) writeNumberFrame(this.output, FrameType.windowUpdate, 0, more);
  }

  /** Whether `open` would make a stream now. */
  get canOpen(): boolean {
    if (this.isFailed || this.isPeerLeaving || this.isDraining) return false;
    return this.nextStreamId <= streamIdMax && this.table.count < this.peer.streamsMax;
  }

  /** Opens a stream of ours; its request is then written with `sender.beginRequest` and `finishHead`. */
  open(methodId: number, context: Context): Http2Stream<Context> {
    assert(this.role === "client" && this.canOpen, "a client opens a stream only where it may");
    const { streamWindowBytes } = this.limits;
    const stream = this.shared.streams.acquire(this.nextStreamId, streamWindowBytes, this.peer.initialWindow);
    this.nextStreamId += 2;
    // Pays for what may still come of it after a reset: a head and an end.
    this.flood.refund(Flood.controls, 2);
    stream.methodId = methodId;
    stream.context = context;
    stream.isAnnounced = true;
    this.table.add(stream);
    return stream;
  }

  /** Ends the head that was composed in `sender`, a request's, an answer's or trailers. */
  finishHead(stream: Http2Stream<Context>, isEnd: boolean): void {
    assert(stream.isSending, "a head is sent on a stream that may send");
    this.sender.finish(stream, isEnd);
    if (isEnd) this.endSending(stream);
  }

  /** Sends what the windows allow; returns the bytes taken. The end is sent only with the last byte. */
  sendData(stream: Http2Stream<Context>, bytes: Uint8Array, from: number, to: number, isEnd: boolean): number {
    assert(stream.isSending, "data is sent on a stream that may send");
    const taken = this.sender.data(stream, bytes, from, to, isEnd);
    if (isEnd && taken === to - from) this.endSending(stream);
    return taken;
  }

  /** Ends our side of the stream behind what was sent on it. */
  endStream(stream: Http2Stream<Context>): void {
    assert(stream.isSending && !stream.isWaiting, "a stream ends when everything was sent");
    this.sender.end(stream);
    this.endSending(stream);
  }

  /** The owner has passed on `count` bytes of the stream's data: the peer may send as many more. */
  consume(stream: Http2Stream<Context>, count: number): void {
    assert(count <= stream.unconsumedBytes, "no more is consumed than was received");
    stream.unconsumedBytes -= count;
    this.release(count);
    if (!stream.isReceiving) return;
    stream.creditBytes += count;
    if (2 * stream.creditBytes < this.limits.streamWindowBytes || this.isFailed) return;
    writeNumberFrame(this.output, FrameType.windowUpdate, stream.id, stream.creditBytes);
    stream.receiveWindow += stream.creditBytes;
    stream.creditBytes = 0;
  }

  /** The owner has passed on all of the stream's data that has come. What of a frame is still on its way is not its to give back. */
  consumeAll(stream: Http2Stream<Context>): void {
    const coming = this.dataStream === stream ? this.reader.dataLeftBytes : 0;
    if (stream.unconsumedBytes > coming) this.consume(stream, stream.unconsumedBytes - coming);
  }

  /** Ends a stream at once, both ways. */
  reset(stream: Http2Stream<Context>, code: number): void {
    this.writeReset(stream.id, code);
    this.closeStream(stream, Ended.byUs);
  }

  /** The owner has written `count` bytes of the output: streams that waited for room may send. */
  drained(count: number): void {
    this.output.drain(count);
    this.resume();
  }

  ping(): void {
    writePing(this.output, false, ownerPing, 0);
  }

  /** The seconds since the last call, for the flood budgets. */
  refill(seconds: number): void {
    this.flood.refill(seconds);
  }

  /**
   * Asks the peer to open no more streams (RFC 9113 §6.8): first a GOAWAY that refuses nothing, and when a ping has come
   * back, so that what was under way has arrived, one with the last stream that is answered. No stream is lost.
   */
  drain(): void {
    if (this.isDraining || this.isFailed) return;
    this.isDraining = true;
    writeGoaway(this.output, streamIdMax, ErrorCode.noError);
    writePing(this.output, false, drainPing, 0);
  }

  /** The second step of `drain`; also for an owner that waits no longer for the ping. */
  finishDrain(): void {
    if (this.isFailed || this.drainedStreamId !== streamIdMax) return;
    this.isDraining = true;
    this.drainedStreamId = this.lastPeerStreamId;
    writeGoaway(this.output, this.lastPeerStreamId, ErrorCode.noError);
  }

  /** The socket is gone: every open stream is reset and closed towards the owner. @cold once a connection */
  close(): void {
    this.isFailed = true;
    this.reader.isStopped = true;
    for (const stream of this.table.list()) {
      const { id } = stream;
      if (!this.holds(stream, id)) continue;
      if (stream.isAnnounced) this.events.onReset(stream, ErrorCode.cancel, 0);
      if (this.holds(stream, id)) this.closeStream(stream, Ended.byUs);
    }
  }

  /** Ends the connection with GOAWAY. */
  fail(violation: number): void {
    if (this.isFailed) return;
    this.isFailed = true;
    this.reader.isStopped = true;
    writeGoaway(this.output, this.lastPeerStreamId, violationCode(violation));
    this.events.onViolation(violation);
    this.events.onFailed(violation);
  }

  /**
   * Ends a stream for a violation; too many of these end the connection, as resets of the peer's own do. Returns the violation
   * that this then is, or 0.
   */
  protected failStream(streamId: number, stream: Http2Stream<Context> | null, violation: number): number {
    this.writeReset(streamId, violationCode(violation));
    this.events.onViolation(violation);
    if (stream !== null) {
      if (stream.isAnnounced) this.events.onReset(stream, violationCode(violation), violation);
      if (this.holds(stream, streamId)) this.closeStream(stream, Ended.byUs);
    } else this.ended.note(streamId, Ended.byUs, 0);
    return this.spendReset();
  }

  protected spendReset(): number {
    return this.role === "client" || this.flood.spend(Flood.resets) ? 0 : Violation.resetFlood;
  }

  /** Whether an answer that the peer is owed may be written: only while it reads. */
  protected get hasBacklogRoom(): boolean {
    return this.output.pendingBytes < this.limits.outputBytesMax + this.limits.backlogBytesMax;
  }

  protected writeReset(streamId: number, code: number): void {
    if (this.isFailed) return;
    if (this.hasBacklogRoom) writeNumberFrame(this.output, FrameType.rstStream, streamId, code);
    else this.fail(Violation.backlogFlood);
  }

  /** Bytes of the connection's window that nobody holds any more. */
  protected release(count: number): void {
    this.creditBytes += count;
    if (2 * this.creditBytes < this.limits.connectionWindowBytes || this.isFailed) return;
    writeNumberFrame(this.output, FrameType.windowUpdate, 0, this.creditBytes);
    this.receiveWindow += this.creditBytes;
    this.creditBytes = 0;
  }

  /** The peer has sent its last byte on the stream. */
  protected endReceiving(stream: Http2Stream<Context>): void {
    stream.isReceiving = false;
    if (this.dataStream === stream) this.dataStream = null;
  }

  /** Closes a stream that both sides have ended, if it is still the one with this id. */
  protected closeEnded(stream: Http2Stream<Context>, streamId: number): void {
    if (!this.holds(stream, streamId) || stream.isReceiving || stream.isSending) return;
    this.flood.refund(Flood.resets, 1);
    this.closeStream(stream, Ended.bySides);
  }

  /** Whether the record is still that stream of ours: a callback may have closed it, and somebody else have taken it. */
  protected holds(stream: Http2Stream<Context>, streamId: number): boolean {
    return streamId !== 0 && this.table.get(streamId) === stream;
  }

  protected closeStream(stream: Http2Stream<Context>, how: number): void {
    if (this.dataStream === stream) this.dataStream = null;
    this.ended.note(stream.id, how, stream.receiveWindow);
    this.table.delete(stream);
    this.sender.forget(stream);
    if (stream.unconsumedBytes > 0) this.release(stream.unconsumedBytes);
    if (stream.isAnnounced) this.events.onStreamClosed(stream);
    this.shared.streams.release(stream);
  }

  /** Gives every stream that waits a turn, as long as the connection has a window and the output room. */
  protected resume(): void {
    const { sender } = this;
    for (let turns = sender.queuedCount; turns > 0 && sender.hasRoom && !this.isFailed; turns--) {
      const stream = sender.dequeue();
      if (stream === null) return;
      if (stream.sendWindow <= 0) continue;
      stream.isWaiting = false;
      this.events.onWindow(stream);
    }
  }

  /** The stream's own window has grown. */
  protected wake(stream: Http2Stream<Context>): void {
    if (stream.isWaiting && stream.sendWindow > 0) this.sender.enqueue(stream);
  }

  /** Whether a PING that came back is the one of `drain`. */
  protected isDrainPong(bytes: Uint8Array, from: number): boolean {
    if (!this.isDraining) return false;
    for (let i = 0; i < drainPing.length; i++) if (bytes[from + i] !== drainPing[i]) return false;
    return true;
  }

  private endSending(stream: Http2Stream<Context>): void {
    const { id } = stream;
    stream.isSending = false;
    this.sender.forget(stream);
    stream.isWaiting = false;
    this.closeEnded(stream, id);
  }
}

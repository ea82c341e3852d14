/**
 * A WebSocket between a client and an upstream: bytes are passed on as they are, and judged on the way. @hot
 *
 *     client side ──► Direction (reader) ──► upstream side
 *     client side ◄── (reader) Direction ◄── upstream side
 *
 * Nothing is kept but what the slower side's socket does not take, and the faster one is stopped meanwhile. A side that
 * breaks a rule is told so by a close frame with the code of RFC 6455; the other one is told that the gateway goes away, or
 * cut where that would fall into the middle of a frame. Silence is ended: a side that was not heard of for the keep-alive time
 * is pinged, and given up after as long again.
 */
import { Outcome } from "../base/mod.ts";
import { ProcessCounter } from "../observe/mod.ts";
import {
  CloseCode,
  firstByte,
  frameHeadBytesMax,
  Opcode,
  putClose,
  putFrame,
  violationCloseCode,
  type WebSocketEvents,
  type WebSocketLimits,
  WebSocketReader,
  type WebSocketReaderOptions,
} from "../protocols/mod.ts";
import type { WorkerContext } from "./context.ts";

/** One end of a tunnel: a socket, or a stream of one. */
export interface TunnelSide {
  /** Sends bytes, valid during the call only; false when no more should come until `Direction.onWritable`. */
  sendTunnel(bytes: Uint8Array, from: number, to: number): boolean;
  pauseTunnel(): void;
  resumeTunnel(): void;
  /** Nothing more is sent: what was is delivered, and then the end. */
  finishTunnel(): void;
  /** Ends it at once. */
  abortTunnel(): void;
}

const noBytes = new Uint8Array(0);

let options: WebSocketReaderOptions[] = [];

/** The same few for all tunnels that begin under the same limits: thousands of them are idle. @cold */
function readerOptions(isPeerClient: boolean, allowsDeflate: boolean, limits: WebSocketLimits): WebSocketReaderOptions {
  if (options[0]?.limits !== limits) options = [];
  const known = options.find((one) => one.isPeerClient === isPeerClient && one.allowsDeflate === allowsDeflate);
  if (known !== undefined) return known;
  const made = { isPeerClient, allowsDeflate, isUnmasking: false, limits };
  options.push(made);
  return made;
}

/** What one side sends and the other gets. */
export class Direction implements WebSocketEvents {
  readonly reader: WebSocketReader;
  readonly tunnel: Tunnel;
  source: TunnelSide | null = null;
  target: TunnelSide | null = null;
  heardMs: number;
  isPinged = false;
  private readonly counter: number;

  constructor(tunnel: Tunnel, isFromClient: boolean, allowsDeflate: boolean) {
    this.tunnel = tunnel;
    this.heardMs = tunnel.context.loop.nowMs;
    this.counter = isFromClient ? ProcessCounter.websocketMessagesIn : ProcessCounter.websocketMessagesOut;
    const limits = tunnel.context.settings.client.webSocket;
    this.reader = new WebSocketReader(readerOptions(isFromClient, allowsDeflate, limits));
  }

  /** Bytes arrived from the source. */
  receive(bytes: Uint8Array, from: number, to: number): void {
    const { tunnel, reader, target } = this;
    if (tunnel.isOver || target === null) return;
    this.heardMs = tunnel.context.loop.nowMs;
    this.isPinged = false;
    const end = reader.receive(bytes, from, to, this);
    if (end > from && !target.sendTunnel(bytes, from, end)) this.source?.pauseTunnel();
    if (reader.violation !== 0) tunnel.breakOff(this);
    else if (reader.isClosed) tunnel.finishIfClosed();
  }

  /** The target takes more. */
  onWritable(): void {
    this.source?.resumeTunnel();
  }

  /** The source sends nothing more. */
  onEnded(): void {
    this.target?.finishTunnel();
  }

  /** The source is gone. */
  onGone(): void {
    this.source = null;
    this.target?.finishTunnel();
  }

  onMessage(
    _opcode: number,
    _isCompressed: boolean,
    _bytes: Uint8Array,
    _from: number,
    _to: number,
    isEnd: boolean,
  ): void {
    if (isEnd) this.tunnel.context.metrics.add(this.counter, 1);
  }
  onControl(): void {}
  onClose(): void {}
}

export class Tunnel {
  readonly context: WorkerContext;
  readonly fromClient: Direction;
  readonly fromUpstream: Direction;
  isOver = false;
  private drainAtMs = Number.POSITIVE_INFINITY;

  constructor(context: WorkerContext, allowsDeflate: boolean) {
    this.context = context;
    this.fromClient = new Direction(this, true, allowsDeflate);
    this.fromUpstream = new Direction(this, false, allowsDeflate);
  }

  /** Both sides are there. @cold */
  connect(client: TunnelSide, upstream: TunnelSide): void {
    this.fromClient.source = client;
    this.fromClient.target = upstream;
    this.fromUpstream.source = upstream;
    this.fromUpstream.target = client;
  }

  /** Close frames went both ways: nothing is left to say (RFC 6455 §7.1.1). */
  finishIfClosed(): void {
    if (!this.fromClient.reader.isClosed || !this.fromUpstream.reader.isClosed) return;
    this.finish();
  }

  /** A side broke a rule. @cold */
  breakOff(direction: Direction): void {
    this.isOver = true;
    this.context.metrics.recordRefusal(Outcome.webSocketViolation);
    const other = direction === this.fromClient ? this.fromUpstream : this.fromClient;
    this.sendClose(other, violationCloseCode(direction.reader.violation));
    this.sendClose(direction, CloseCode.goingAway);
    this.finish();
  }

  /** Ends the tunnel at this time at the latest. @cold */
  drain(atMs: number): void {
    this.drainAtMs = atMs;
  }

  /** Looks after the tunnel; returns when to look again. @cold once in the keep-alive time */
  onTimer(nowMs: number): number {
    const idleMs = this.context.settings.client.keepAliveTimeoutMs;
    if (nowMs >= this.drainAtMs) {
      this.goAway();
      return Number.POSITIVE_INFINITY;
    }
    const isSilent = this.ping(this.fromClient, this.fromUpstream, nowMs, idleMs);
    if (isSilent || this.ping(this.fromUpstream, this.fromClient, nowMs, idleMs)) {
      this.goAway();
      return Number.POSITIVE_INFINITY;
    }
    const heardMs = Math.min(this.fromClient.heardMs, this.fromUpstream.heardMs);
    const nextMs = Math.max(heardMs + idleMs, nowMs + idleMs / 4);
    return Math.min(nextMs, this.drainAtMs);
  }

  private goAway(): void {
    this.isOver = true;
    this.sendClose(this.fromUpstream, CloseCode.goingAway);
    this.sendClose(this.fromClient, CloseCode.goingAway);
    this.finish();
  }

  /** Pings the source of a direction that is silent; true when it was pinged before and stayed silent. */
  private ping(direction: Direction, back: Direction, nowMs: number, idleMs: number): boolean {
    const silentMs = nowMs - direction.heardMs;
    if (silentMs < idleMs) return false;
    if (direction.isPinged) return silentMs >= 2 * idleMs;
    if (!back.reader.isBetweenFrames || direction.source === null) return false;
    direction.isPinged = true;
    const frame = new Uint8Array(frameHeadBytesMax);
    const isMasked = direction === this.fromUpstream;
    const key = this.context.random.uint32() | 0;
    const end = putFrame(frame, 0, firstByte(Opcode.ping, true, false), noBytes, 0, 0, isMasked, key);
    direction.source.sendTunnel(frame, 0, end);
    return false;
  }

  /** Puts a close frame behind what was passed on in a direction, where that is between two frames. */
  private sendClose(direction: Direction, code: number): void {
    const { target, reader } = direction;
    if (target === null || reader.isClosed) return;
    if (!reader.isBetweenFrames) {
      target.abortTunnel();
      return;
    }
    const frame = new Uint8Array(frameHeadBytesMax + 2);
    const isMasked = direction === this.fromClient;
    const end = putClose(frame, 0, code, isMasked, this.context.random.uint32() | 0);
    target.sendTunnel(frame, 0, end);
  }

  private finish(): void {
    this.isOver = true;
    this.fromClient.target?.finishTunnel();
    this.fromUpstream.target?.finishTunnel();
  }
}

/**
 * One HTTP/2 connection to an endpoint, carrying many exchanges at once: mode `multiplexed`. @hot
 *
 *     connecting ─► (TLS with h2) ─► open ─► leaving (GOAWAY, age, idle): takes nothing new ─► closed when the last one ended
 *
 * In the clear the endpoint has to speak HTTP/2 without being asked (prior knowledge).
 */
import { Outcome } from "../base/mod.ts";
import type { MessageHead } from "../protocols/mod.ts";
import {
  type ConnectionEvents,
  ErrorCode,
  Http2Connection,
  type Http2Limits,
  Http2Shared,
  type Http2Stream,
  isFlood,
} from "../protocols/mod.ts";
import { atRoundEnd, connectWire, Wire } from "../transport/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamExchange } from "./exchange.ts";
import { Http2UpstreamStream } from "./http2-stream.ts";

type Stream = Http2Stream<Http2UpstreamStream>;

/** Free records of the worker; more than this many are left to the collector. */
const freeMax = 4096;
const refillMs = 1000;
const free: Http2UpstreamStream[] = [];
let shared: Http2Shared<Http2UpstreamStream> | null = null;

/** Made once for each configuration. @cold */
function sharedOf(limits: Http2Limits): Http2Shared<Http2UpstreamStream> {
  if (shared?.limits !== limits) shared = new Http2Shared(limits);
  return shared;
}

export class Http2UpstreamConnection extends Wire implements ConnectionEvents<Http2UpstreamStream> {
  readonly endpoint: Endpoint;
  readonly http2: Http2Connection<Http2UpstreamStream>;
  /** Monotonic time after which it takes nothing new, in milliseconds. */
  readonly retireAtMs: number;
  inFlightCount = 0;
  private readonly streamsMax: number;
  private first: Http2UpstreamStream | null = null;
  private isConnecting = true;
  private isForgotten = false;
  private isWriteDue = false;
  private isLeaving = false;
  private timerAtMs = Number.POSITIVE_INFINITY;
  /** When the flood budgets were last refilled. */
  private refilledMs: number;

  constructor(endpoint: Endpoint, streamsMax: number, retireAtMs: number) {
    super();
    this.endpoint = endpoint;
    this.streamsMax = streamsMax;
    this.retireAtMs = retireAtMs;
    this.refilledMs = endpoint.loop.nowMs;
    this.http2 = new Http2Connection<Http2UpstreamStream>("client", sharedOf(endpoint.settings.http2Limits), this);
  }

  get isSecured(): boolean {
    return this.endpoint.settings.security !== null;
  }

  /** Whether it takes one more exchange now. */
  get hasRoom(): boolean {
    if (this.isConnecting || this.socket === null || this.isLeaving) return false;
    if (this.inFlightCount >= this.streamsMax || this.endpoint.loop.nowMs >= this.retireAtMs) return false;
    return this.http2.canOpen && this.backlogBytes === 0;
  }

  /** Begins connecting; `endpoint.connectedHttp2` or `connectFailedHttp2` follows. @cold */
  connect(): void {
    const { endpoint } = this;
    this.wakeBy(endpoint.loop.nowMs + endpoint.settings.connectTimeoutMs);
    const { security } = endpoint.settings;
    if (security?.kind !== "socket") {
      connectWire(this, endpoint.address);
      return;
    }
    this.takesAnyPeer = !security.verifies;
    connectWire(this, endpoint.address, security.options(endpoint.serverName));
  }

  /** @cold once a connection */
  onConnected(): void {
    if (!this.isConnecting) {
      this.isForgotten = true;
      this.destroy();
      return;
    }
    this.socket?.setNoDelay(true);
    const { security } = this.endpoint.settings;
    if (security === null) this.becomeReady();
    else if (security.kind === "bytes") {
      this.secure((handler) => security.context.session(handler, this.endpoint.serverName));
    }
  }

  onConnectFailed(_error: string): void {
    if (this.isConnecting) this.giveUpConnecting(Outcome.upstreamConnectFailed);
  }

  override onSecure(): void {
    if (!this.isConnecting) this.destroy();
    else if (this.facts?.alpn === "h2") this.becomeReady();
    else this.giveUpConnecting(Outcome.upstreamTlsFailed);
  }

  override onSecurityFailed(_reason: string): void {
    if (this.isConnecting) this.giveUpConnecting(Outcome.upstreamTlsFailed);
    else this.destroy();
  }

  /** Takes an exchange; it is handed the stream by `onUpstreamReady`. */
  attach(exchange: UpstreamExchange): Http2UpstreamStream {
    const link = free.pop() ?? new Http2UpstreamStream();
    link.open(this, exchange);
    link.previous = null;
    link.next = this.first;
    if (this.first !== null) this.first.previous = link;
    this.first = link;
    this.inFlightCount++;
    return link;
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    const { loop } = this.endpoint;
    loop.refresh();
    if (loop.nowMs - this.refilledMs >= refillMs) {
      this.http2.refill((loop.nowMs - this.refilledMs) / 1000);
      this.refilledMs = loop.nowMs;
    }
    this.http2.receive(bytes, from, to);
    this.writeSoon();
  }

  onHead(stream: Stream, head: MessageHead, isEnd: boolean): void {
    const link = stream.context!;
    link.noteProgress();
    const { exchange } = link;
    if (exchange === null) return;
    if (head.status < 200) {
      exchange.onUpstreamInterim(head);
      return;
    }
    exchange.onUpstreamHead(head);
    if (isEnd) this.finish(link, null);
  }

  onHeadTooLarge(): void {}

  onData(stream: Stream, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    const link = stream.context!;
    link.noteProgress();
    if (to > from) link.exchange?.onUpstreamBody(bytes, from, to);
    if (link.stream === stream && !link.isPaused) this.http2.consumeAll(stream);
    if (isEnd) this.finish(link, null);
    else link.exchange?.onUpstreamPause();
  }

  onTrailers(stream: Stream, head: MessageHead): void {
    this.finish(stream.context!, head.fieldCount === 0 ? null : head);
  }

  onWindow(stream: Stream): void {
    stream.context!.onWindow();
  }

  onReset(stream: Stream, code: number, violation: number): void {
    const link = stream.context!;
    // The record is free from here on.
    stream.context = null;
    const isUntouched = code === ErrorCode.refusedStream && violation === 0;
    const outcome = violation === 0 ? Outcome.upstreamClosed : Outcome.upstreamMalformed;
    this.failLink(link, outcome, isUntouched || !link.hasAnswerBegun);
  }

  onStreamClosed(stream: Stream): void {
    const link = stream.context;
    if (link === null) return;
    link.onClosed();
    if (link.exchange === null) this.unlink(link);
  }

  onGoaway(): void {
    this.leave();
  }

  onSettings(): void {
    this.endpoint.roomAppeared();
  }

  onPong(): void {}

  onViolation(violation: number): void {
    this.endpoint.upstream.broke(isFlood(violation) ? Outcome.upstreamHttp2Flood : Outcome.upstreamHttp2Violation);
  }

  onFailed(): void {
    this.writeRound();
    this.destroy();
  }

  /** Writes the output at the end of this event-loop round. */
  writeSoon(): void {
    if (this.isWriteDue) return;
    this.isWriteDue = true;
    atRoundEnd(this);
  }

  override writeRound(): void {
    this.isWriteDue = false;
    const { output } = this.http2;
    while (output.pendingBytes > 0 && this.socket !== null && this.backlogBytes === 0 && !this.isEnding) {
      const { bytes, start, end } = output;
      this.write(bytes, start, end);
      this.http2.drained(end - start);
    }
  }

  onWritable(): void {
    this.http2.drained(0);
    this.writeRound();
    this.endpoint.roomAppeared();
  }

  onPeerEnd(): void {
    this.endpoint.loop.refresh();
    this.destroy();
  }

  onClosed(_error: string): void {
    if (this.isForgotten) return;
    if (this.isConnecting) {
      this.giveUpConnecting(Outcome.upstreamTlsFailed);
      return;
    }
    this.isForgotten = true;
    this.isLeaving = true;
    this.endpoint.timers.cancel(this);
    this.http2.close();
    // What was attached and has no stream yet, if there is any.
    for (let link = this.first; link !== null; link = this.first) this.failLink(link, Outcome.upstreamClosed, true);
    this.endpoint.closedHttp2(this);
    this.endpoint.upstream.onSettled?.();
  }

  /** Somebody's time limit is then. */
  wakeBy(atMs: number): void {
    if (atMs >= this.timerAtMs) return;
    this.timerAtMs = atMs;
    this.endpoint.timers.schedule(this, atMs);
  }

  onTimer(nowMs: number): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    if (this.isConnecting) {
      this.giveUpConnecting(Outcome.upstreamConnectTimeout);
      return;
    }
    this.endpoint.loop.refresh();
    if (this.first === null) {
      this.leave();
      return;
    }
    let nextMs = Number.POSITIVE_INFINITY;
    for (let link: Http2UpstreamStream | null = this.first; link !== null; ) {
      const following: Http2UpstreamStream | null = link.next;
      if (link.dueMs > nowMs) nextMs = Math.min(nextMs, link.dueMs);
      else this.timeOut(link);
      link = following;
    }
    if (this.socket !== null && nextMs < Number.POSITIVE_INFINITY) this.wakeBy(nextMs);
  }

  /** Takes nothing new and ends with its last exchange. */
  leave(): void {
    this.isLeaving = true;
    this.endpoint.leftHttp2(this);
    if (this.first === null) this.destroy();
  }

  private becomeReady(): void {
    this.isConnecting = false;
    this.timerAtMs = Number.POSITIVE_INFINITY;
    this.endpoint.timers.cancel(this);
    this.http2.start();
    this.writeSoon();
    this.endpoint.connectedHttp2(this);
    if (this.first === null) this.wakeBy(this.endpoint.loop.nowMs + this.endpoint.settings.idleTimeoutMs);
  }

  private giveUpConnecting(outcome: number): void {
    this.isConnecting = false;
    this.isForgotten = true;
    this.endpoint.timers.cancel(this);
    this.destroy();
    this.endpoint.connectFailedHttp2(this, outcome);
  }

  /** The answer is complete. */
  private finish(link: Http2UpstreamStream, trailers: MessageHead | null): void {
    const { exchange, stream } = link;
    link.exchange = null;
    link.dueMs = Number.POSITIVE_INFINITY;
    if (exchange === null) return;
    // The rest of a request that was answered without it is not sent.
    if (stream?.isSending === true) this.http2.reset(stream, ErrorCode.noError);
    this.settled(link);
    exchange.onUpstreamEnd(trailers);
    this.afterExchange();
  }

  private failLink(link: Http2UpstreamStream, outcome: number, isUnanswered: boolean): void {
    const { exchange } = link;
    link.exchange = null;
    link.stream = null;
    this.settled(link);
    if (exchange === null) return;
    exchange.onUpstreamFailed(outcome, isUnanswered);
    this.afterExchange();
  }

  private timeOut(link: Http2UpstreamStream): void {
    const { exchange, stream, hasAnswerBegun } = link;
    const outcome = hasAnswerBegun ? Outcome.upstreamIdleTimeout : Outcome.upstreamFirstByteTimeout;
    link.dueMs = Number.POSITIVE_INFINITY;
    link.exchange = null;
    if (stream !== null) this.http2.reset(stream, ErrorCode.cancel);
    else this.settled(link);
    this.writeSoon();
    if (exchange === null) return;
    exchange.onUpstreamFailed(outcome, !hasAnswerBegun);
    this.afterExchange();
  }

  private afterExchange(): void {
    if (this.socket !== null) this.endpoint.roomAppeared();
    this.endpoint.upstream.onSettled?.();
  }

  /** The record is free as soon as neither an exchange nor a stream holds it. */
  private settled(link: Http2UpstreamStream): void {
    if (link.stream === null && link.exchange === null) this.unlink(link);
  }

  private unlink(link: Http2UpstreamStream): void {
    if (link.connection !== this) return;
    const { previous, next } = link;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    link.previous = null;
    link.next = null;
    link.connection = null;
    if (free.length < freeMax) free.push(link);
    this.inFlightCount--;
    this.endpoint.exchangeEnded();
    if (this.first !== null || this.socket === null) return;
    if (this.isLeaving) this.destroy();
    else this.wakeBy(this.endpoint.loop.nowMs + this.endpoint.settings.idleTimeoutMs);
  }
}

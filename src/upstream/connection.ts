/**
 * One HTTP/1.1 connection to an endpoint: frames answers, hands them to the exchange they belong to, and decides whether it
 * can be used again. @hot
 *
 * An `exclusive` connection carries one exchange at a time, a `pipelined` one a ring of them: its requests are gathered and
 * written once per event-loop round, its answers come back in order.
 *
 *     connecting ─► idle ◄─► busy ─► closed        (an answer that ends early, extra bytes, or any failure: closed)
 *
 * When an exchange gives its connection up (`abandon`), an exclusive connection is closed; a pipelined one keeps a blank
 * place in the ring and drops that answer when it comes, so that its neighbours are unharmed.
 */
import { assert, copyBytes, Outcome } from "../base/mod.ts";
import { BodyKind, ChunkedReader, type Http1Limits, MessageHead, parseResponseHead } from "../protocols/mod.ts";
import { connectWire, markConnected, type Wire } from "../transport/mod.ts";
import { AnswerWait } from "./answer-wait.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamExchange } from "./exchange.ts";

const Phase = { head: 0, length: 1, chunked: 2, untilClose: 3 } as const;

/** The schema's upper bound of `limits.fieldsMax`: what the records must be able to hold. */
const RECORD_FIELDS_MAX = 1000;
/** Every connection of a worker parses into the same record: a head is used up within the callback that found it. */
const head = new MessageHead(RECORD_FIELDS_MAX);
const trailers = new MessageHead(RECORD_FIELDS_MAX);

export class UpstreamConnection extends AnswerWait {
  /** Whether many exchanges may be in flight at once. */
  readonly isPipelined: boolean;
  /** Monotonic time after which it is not used again, in milliseconds. */
  readonly retireAtMs: number;
  /** Neighbours in the endpoint's list of idle connections; the endpoint's. */
  idlePrevious: UpstreamConnection | null = null;
  idleNext: UpstreamConnection | null = null;
  isIdle = false;
  /** Exchanges whose answers are still to come, oldest at `ringFrom`; a null is one that was abandoned. */
  private readonly ring: (UpstreamExchange | null)[];
  private readonly ringMethods: Uint8Array;
  private ringFrom = 0;
  private ringCount = 0;
  private phase: number = Phase.head;
  private bodyLeftBytes = 0;
  private isReusableAfterAnswer = true;
  private isConnecting = true;
  private isForgotten = false;
  private chunked: ChunkedReader | null = null;
  /** A head that has not arrived whole. */
  private held: Uint8Array | null = null;
  private heldBytes = 0;
  /** How much of what is being read was looked at before. */
  private seenBytes = 0;

  constructor(endpoint: Endpoint, isPipelined: boolean, depthMax: number, retireAtMs: number) {
    super(endpoint);
    this.isPipelined = isPipelined;
    this.retireAtMs = retireAtMs;
    this.ring = new Array<UpstreamExchange | null>(depthMax).fill(null);
    this.ringMethods = new Uint8Array(depthMax);
  }

  /** Exchanges in flight. */
  get inFlightCount(): number {
    return this.ringCount;
  }

  /** Open, and so able to carry exchanges. */
  get isReady(): boolean {
    return !this.isConnecting && this.socket !== null;
  }

  get isFull(): boolean {
    return this.ringCount === this.ring.length;
  }

  /** Begins connecting; `onConnected` or a failure follows. @cold */
  connect(): void {
    const endpoint = this.endpoint;
    endpoint.timers.schedule(this, endpoint.loop.nowMs + endpoint.settings.connectTimeoutMs);
    const { security } = endpoint.settings;
    if (security?.kind !== "socket") {
      connectWire(this, endpoint.address);
      return;
    }
    this.takesAnyPeer = !security.verifies;
    connectWire(this, endpoint.address, security.options(endpoint.serverName));
  }

  /** Takes an exchange; its request follows by `sendRequest` before the next one is given. */
  attach(exchange: UpstreamExchange): void {
    assert(this.ringCount < this.ring.length, "an upstream connection is not given more than it can carry");
    const index = (this.ringFrom + this.ringCount) % this.ring.length;
    this.ring[index] = exchange;
    this.ringMethods[index] = exchange.methodId;
    this.ringCount++;
    if (this.ringCount === 1) this.beginAnswer();
  }

  /** The answer at the front of the ring is awaited from now on. */
  private beginAnswer(): void {
    this.phase = Phase.head;
    this.hasAnswerBegun = false;
    this.awaitFirstByte();
  }

  protected get isAwaiting(): boolean {
    return this.ringCount > 0;
  }

  protected get awaited(): UpstreamExchange | null {
    return this.ring[this.ringFrom] ?? null;
  }

  /** Sends a request's head, with the part of its body that came with it. `isWhole` when nothing of it follows. */
  sendRequest(bytes: Uint8Array, from: number, to: number, isWhole: boolean): void {
    this.isRequestOpen = !isWhole;
    if (this.isPipelined) this.gather(bytes, from, to);
    else if (isWhole) this.post(bytes, from, to);
    else this.awaitRequest(this.write(bytes, from, to));
  }

  /** Sends more of the body, already framed. Returns false when the sender should wait for `onUpstreamWritable`. */
  sendBody(bytes: Uint8Array, from: number, to: number): boolean {
    const isTaken = this.write(bytes, from, to);
    this.awaitRequest(isTaken);
    return isTaken;
  }

  /** The request is complete. */
  endRequest(): void {
    this.isRequestOpen = false;
    this.awaitFirstByte();
  }

  /** The exchange does not want its answer any more. */
  abandon(exchange: UpstreamExchange): void {
    if (!this.isPipelined) {
      this.ring[this.ringFrom] = null;
      this.destroy();
      return;
    }
    for (let index = 0; index < this.ring.length; index++) {
      if (this.ring[index] === exchange) this.ring[index] = null;
    }
    // The abandoned answer may be the one that stopped the reading.
    this.resumeReading();
  }

  /** Gives the socket to whoever goes on with it after a switch of protocols: this connection is over. @cold */
  upgradeTo(wire: Wire): void {
    this.isForgotten = true;
    this.endpoint.timers.cancel(this);
    this.ring[this.ringFrom] = null;
    this.ringCount = 0;
    this.endpoint.exchangeEnded();
    this.handOverTo(wire);
  }

  onConnected(): void {
    if (!this.isConnecting) {
      // It was given up on before it opened.
      this.isForgotten = true;
      this.destroy();
      return;
    }
    this.socket?.setNoDelay(true);
    const { security, marks } = this.endpoint.settings;
    if (marks !== null) markConnected(this.socket, marks, this.endpoint.address);
    if (security === null) this.becomeReady();
    else if (security.kind === "bytes") {
      this.secure((handler) => security.context.session(handler, this.endpoint.serverName));
    }
  }

  /** The connection can carry exchanges. */
  private becomeReady(): void {
    this.isConnecting = false;
    this.endpoint.timers.cancel(this);
    this.endpoint.connected(this);
  }

  override onSecure(): void {
    if (this.isConnecting) this.becomeReady();
    else this.destroy();
  }

  override onSecurityFailed(_reason: string): void {
    if (this.isConnecting) this.giveUpConnecting(Outcome.upstreamTlsFailed);
    else this.destroy();
  }

  /** A connection that was opening, and perhaps has a socket by now, will not be used. */
  private giveUpConnecting(outcome: number): void {
    this.isConnecting = false;
    this.isForgotten = true;
    this.endpoint.timers.cancel(this);
    this.destroy();
    this.endpoint.connectFailed(this, outcome);
  }

  onConnectFailed(_error: string): void {
    if (!this.isConnecting) return;
    this.endpoint.timers.cancel(this);
    this.isConnecting = false;
    this.endpoint.connectFailed(this, Outcome.upstreamConnectFailed);
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.endpoint.loop.refresh();
    if (this.held === null) this.read(bytes, from, to);
    else this.readHeld(bytes, from, to);
  }

  /** Appends to a head that is not whole yet, and reads on from its start. */
  private readHeld(bytes: Uint8Array, from: number, to: number): void {
    let held = this.held!;
    const seenBytes = this.heldBytes;
    if (held.length - seenBytes < to - from) {
      const larger = Buffer.allocUnsafeSlow((seenBytes + to - from) * 2);
      copyBytes(held, 0, seenBytes, larger, 0);
      held = larger;
    }
    const heldBytes = copyBytes(bytes, from, to, held, seenBytes);
    this.held = null;
    this.heldBytes = 0;
    this.seenBytes = seenBytes;
    this.read(held, 0, heldBytes);
    this.seenBytes = 0;
  }

  private read(bytes: Uint8Array, from: number, to: number): void {
    let offset = from;
    while (offset < to && this.socket !== null) {
      if (this.ringCount === 0) {
        // Bytes that answer nothing: whatever they are, they must never be taken for the next answer.
        this.endpoint.unsolicitedCount++;
        this.destroy();
        return;
      }
      const next = this.phase === Phase.head ? this.readHead(bytes, offset, to) : this.readBody(bytes, offset, to);
      if (next < 0) {
        this.fail(-next);
        return;
      }
      if (next === offset) {
        this.hold(bytes, offset, to);
        return;
      }
      offset = next;
    }
    if (this.phase !== Phase.head && this.ringCount > 0) this.ring[this.ringFrom]?.onUpstreamPause();
  }

  private readHead(bytes: Uint8Array, offset: number, to: number): number {
    const limits = this.endpoint.settings.headLimits;
    const end = parseResponseHead(head, bytes, offset, to, limits, this.ringMethods[this.ringFrom]!, this.seenBytes);
    this.seenBytes = 0;
    this.hasAnswerBegun = true;
    if (end <= 0) return end === 0 ? offset : end;
    const exchange = this.ring[this.ringFrom] ?? null;
    this.awaitNextByte();
    if (head.status < 200) {
      if (head.status === 101) {
        const isTaken = !this.isPipelined && exchange?.onUpstreamUpgrade(head, bytes, end, to) === true;
        return isTaken ? to : -Outcome.upstreamMalformed;
      }
      exchange?.onUpstreamInterim(head);
      return end;
    }
    this.beginBody(limits);
    exchange?.onUpstreamHead(head);
    if (this.phase === Phase.head) this.finish(null, end === to);
    return end;
  }

  /** Sets the phase by how the answer in `head` is framed. */
  private beginBody(limits: Http1Limits): void {
    const bodyKind = head.bodyKind;
    this.isReusableAfterAnswer = head.isKeepAlive && bodyKind !== BodyKind.untilClose;
    this.bodyLeftBytes = head.contentLength;
    if (bodyKind === BodyKind.length && this.bodyLeftBytes > 0) this.phase = Phase.length;
    else if (bodyKind === BodyKind.untilClose) this.phase = Phase.untilClose;
    else if (bodyKind === BodyKind.chunked) {
      this.phase = Phase.chunked;
      if (this.chunked === null) this.chunked = new ChunkedReader(limits);
      else this.chunked.reset(limits);
    }
  }

  private readBody(bytes: Uint8Array, offset: number, to: number): number {
    const exchange = this.ring[this.ringFrom] ?? null;
    this.awaitNextByte();
    if (this.phase === Phase.chunked) return this.readChunked(exchange, bytes, offset, to);
    const isEndless = this.phase === Phase.untilClose;
    const end = isEndless || to - offset < this.bodyLeftBytes ? to : offset + this.bodyLeftBytes;
    exchange?.onUpstreamBody(bytes, offset, end);
    if (isEndless) return end;
    this.bodyLeftBytes -= end - offset;
    if (this.bodyLeftBytes === 0) this.finish(null, end === to);
    return end;
  }

  private readChunked(exchange: UpstreamExchange | null, bytes: Uint8Array, offset: number, to: number): number {
    const chunked = this.chunked!;
    let at = offset;
    // An exchange that gives up while it is handed data closes the socket, which ends the loop.
    while (at < to && this.socket !== null) {
      at = chunked.read(bytes, at, to);
      if (chunked.error !== 0) return -Outcome.upstreamMalformed;
      if (chunked.dataEnd > chunked.dataStart) exchange?.onUpstreamBody(bytes, chunked.dataStart, chunked.dataEnd);
      if (!chunked.isDone) continue;
      if (!chunked.parseTrailers(trailers)) return -Outcome.upstreamHeadTooLarge;
      this.finish(trailers.fieldCount === 0 ? null : trailers, at === to);
      return at;
    }
    return at;
  }

  /** The answer at the front of the ring is complete. `isLast` when nothing arrived after it. */
  private finish(answerTrailers: MessageHead | null, isLast: boolean): void {
    const exchange = this.ring[this.ringFrom] ?? null;
    this.ring[this.ringFrom] = null;
    this.ringFrom = this.ringFrom + 1 < this.ring.length ? this.ringFrom + 1 : 0;
    this.ringCount--;
    const isClean = this.isReusableAfterAnswer && !this.isRequestOpen && (this.ringCount > 0 || isLast);
    if (this.ringCount > 0) this.beginAnswer();
    else this.phase = Phase.head;
    this.resumeReading();
    this.endpoint.exchangeEnded();
    // First the answer, then the connection: giving it away may write to other clients.
    exchange?.onUpstreamEnd(answerTrailers);
    if (this.socket !== null) {
      if (isClean) this.endpoint.release(this);
      else this.destroy();
    }
    this.endpoint.upstream.onSettled?.();
  }

  private hold(bytes: Uint8Array, from: number, to: number): void {
    this.held = Buffer.allocUnsafeSlow((to - from) * 2);
    this.heldBytes = copyBytes(bytes, from, to, this.held, 0);
  }

  onWritable(): void {
    if (this.isRequestOpen) this.awaitRequest(true);
    this.ring[(this.ringFrom + this.ringCount - 1) % this.ring.length]?.onUpstreamWritable();
  }

  onPeerEnd(): void {
    this.endpoint.loop.refresh();
    // An answer whose end is the end of the stream is only whole if TLS, where there is any, confirms that end.
    if (this.ringCount > 0 && this.phase === Phase.untilClose && !this.isTruncated) {
      this.finish(null, true);
      return;
    }
    // An endpoint that will send nothing more cannot answer; closing now also frees its side.
    this.destroy();
  }

  onClosed(_error: string): void {
    if (this.isForgotten) return;
    if (this.isConnecting) this.giveUpConnecting(Outcome.upstreamTlsFailed);
    else this.fail(Outcome.upstreamClosed);
  }

  onTimer(_nowMs: number): void {
    if (this.isConnecting) {
      const hasSocket = this.socket !== null;
      this.isConnecting = false;
      if (hasSocket) this.isForgotten = true;
      this.destroy();
      this.endpoint.connectFailed(this, Outcome.upstreamConnectTimeout);
      return;
    }
    if (this.ringCount === 0) this.destroy();
    else this.fail(this.hasAnswerBegun ? Outcome.upstreamIdleTimeout : Outcome.upstreamFirstByteTimeout);
  }

  /** Ends the connection and every exchange on it. Runs once, whether the socket goes first or the decision to close it. */
  private fail(outcome: number): void {
    this.isForgotten = true;
    this.endpoint.timers.cancel(this);
    this.held = null;
    const count = this.ringCount;
    const isFirstUnanswered = !this.hasAnswerBegun;
    this.ringCount = 0;
    this.destroy();
    this.endpoint.closed(this, count);
    for (let index = 0; index < count; index++) {
      const at = (this.ringFrom + index) % this.ring.length;
      const exchange = this.ring[at] ?? null;
      this.ring[at] = null;
      exchange?.onUpstreamFailed(outcome, index > 0 || isFirstUnanswered);
    }
    this.endpoint.upstream.onSettled?.();
  }
}

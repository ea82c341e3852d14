/**
 * How an HTTP/1.1 connection of a client begins and is read: PROXY header and TLS, heads, bodies, and what has to wait for its
 * turn. One request at a time; what a client sends ahead is held, and the reading stops, so answers keep their order and memory
 * its bound. @hot
 *
 *     onBytes ─► consume ─► head ─► startRequest ─► body ─► endRequest          bytes that cannot be used yet: held
 */
import { copyBytes, Outcome } from "../base/mod.ts";
import {
  BodyKind,
  ChunkedReader,
  looksLikeHttp2Preface,
  MessageHead,
  parseRequestHead,
  readProxyHeader,
} from "../protocols/mod.ts";
import type { TlsServerContext } from "../transport/mod.ts";
import { ClientWire } from "./client-wire.ts";
import type { Exchange } from "./exchange.ts";
import { plainAddress } from "./networks.ts";
import { countHandshake, refuseHandshake } from "./security.ts";

export const Phase = { idle: 0, head: 1, body: 2, waiting: 3, lingering: 4, proxyHeader: 5 } as const;

/** The schema's upper bound of `limits.fieldsMax`: what the records must be able to hold. */
const RECORD_FIELDS_MAX = 1000;
/** Every connection of a worker parses into the same records: they are used up within the callback that filled them. */
const head = new MessageHead(RECORD_FIELDS_MAX);
const trailers = new MessageHead(RECORD_FIELDS_MAX);
/** From here on a preface cannot be taken for anything else (RFC 9113 section 3.4). */
const http2PrefaceBytes = 24;
const noBytes = new Uint8Array(0);

export abstract class ClientReader extends ClientWire {
  protected phase: number = Phase.idle;
  protected exchange: Exchange | null = null;
  /** Bytes that wait for their turn, or a head that is not whole, in `[heldFrom, heldTo)`. */
  protected held: Uint8Array | null = null;
  protected heldFrom = 0;
  protected heldTo = 0;
  /** The memory of our own that held bytes lie in, for as long as any of them may be looked at. */
  private heldMemory: Uint8Array | null = null;
  private seenBytes = 0;
  private bodyLeftBytes = 0;
  private chunked: ChunkedReader | null = null;
  protected isProcessing = false;
  protected isRequestPaused = false;
  protected requestsCount = 0;
  private headSinceMs = 0;
  protected bodySinceMs = 0;
  protected isHandshaking = false;
  /** TLS that begins after the PROXY header. */
  private tlsContext: TlsServerContext | null = null;

  /** The head is whole and sound: an exchange begins. */
  protected abstract startRequest(head: MessageHead): void;
  /** The head cannot be read. */
  protected abstract refuse(outcome: number): void;
  /** The client speaks HTTP/2, by prior knowledge or by ALPN. */
  protected abstract becomeHttp2(bytes: Uint8Array, offset: number, to: number): void;
  /** Ends the connection so that what was written arrives. */
  protected abstract linger(): void;

  /** TLS comes first, or after the PROXY header. `context` is null where the socket does it by itself. @cold */
  awaitHandshake(context: TlsServerContext | null): void {
    if (context !== null && this.listener.expectsProxyHeader(this.acceptedFrom)) {
      this.tlsContext = context;
      this.begin();
    } else this.beginHandshake(context);
  }

  /** A handshake has as long as a head. @cold */
  private beginHandshake(context: TlsServerContext | null): void {
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.headTimeoutMs);
    this.isHandshaking = true;
    if (context !== null) this.secure((handler) => context.session(handler));
  }

  override onSecure(): void {
    this.context.loop.refresh();
    this.isHandshaking = false;
    countHandshake(this.context.metrics, this.facts);
    if (this.facts?.alpn === "h2") this.becomeHttp2(noBytes, 0, 0);
    else this.awaitRequest();
  }

  override onSecurityFailed(_reason: string): void {
    this.context.loop.refresh();
    if (this.isHandshaking) refuseHandshake(this.context.metrics, Outcome.tlsHandshakeFailed);
    // Closed at once, the alert would be overtaken by a reset, and the client could not say why it was refused.
    if (this.isHandshaking) this.linger();
    else this.destroy();
    this.isHandshaking = false;
  }

  /** The socket is ours: waits for the PROXY header where one is due, else for the first request. */
  begin(): void {
    this.awaitRequest();
    if (!this.listener.expectsProxyHeader(this.acceptedFrom)) return;
    this.phase = Phase.proxyHeader;
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.headTimeoutMs);
  }

  /** Returns the offset behind the PROXY header, or 0 when it is not whole or was refused. @cold */
  private readProxyHeader(bytes: Uint8Array, offset: number, to: number): number {
    const header = readProxyHeader(bytes, offset, to, this.listener.config.proxyProtocol!.version);
    if (header.end < 0) {
      this.context.metrics.recordRefusal(Outcome.badProxyHeader);
      this.destroy();
      return 0;
    }
    if (header.end === 0) {
      if (this.held === null) this.setHeld(bytes, offset, to);
      return 0;
    }
    if (header.address !== null) {
      this.clientAddress = plainAddress(header.address);
      this.isTrusted = this.context.settings.isTrusted(this.clientAddress);
    }
    if (this.tlsContext !== null) {
      this.beginHandshake(this.tlsContext);
      this.handleData(bytes, header.end, to);
      return 0;
    }
    this.awaitRequest();
    return header.end;
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.context.loop.refresh();
    if (this.phase === Phase.lingering) return;
    if (this.held !== null) {
      this.hold(bytes, from, to);
      if (this.phase === Phase.waiting) return;
      this.consumeHeld();
      return;
    }
    this.consume(bytes, from, to);
  }

  /** Works through bytes until they are used up or have to wait. */
  private consume(bytes: Uint8Array, from: number, to: number): void {
    this.isProcessing = true;
    this.process(bytes, from, to);
    // A request that was answered at once leaves those behind it to this loop instead of to the stack.
    while (this.held !== null && this.phase === Phase.idle && this.socket !== null) {
      const held = this.held;
      const heldFrom = this.heldFrom;
      this.held = null;
      this.process(held, heldFrom, this.heldTo);
    }
    this.isProcessing = false;
    if (this.held === null) this.heldMemory = null;
    this.readOn();
  }

  protected consumeHeld(): void {
    const held = this.held!;
    const heldFrom = this.heldFrom;
    this.held = null;
    this.consume(held, heldFrom, this.heldTo);
  }

  private process(bytes: Uint8Array, from: number, to: number): void {
    let offset = from;
    while (offset < to && this.socket !== null) {
      if (this.phase <= Phase.head) {
        const end = this.readHead(bytes, offset, to);
        if (end <= 0) return;
        offset = end;
      } else if (this.phase === Phase.proxyHeader) {
        offset = this.readProxyHeader(bytes, offset, to);
        if (offset === 0) return;
      } else if (this.phase === Phase.body) {
        offset = this.readBody(bytes, offset, to);
      } else {
        if (this.phase === Phase.waiting) this.holdAhead(bytes, offset, to);
        break;
      }
    }
    const exchange = this.exchange;
    if (exchange !== null && !exchange.hasBeenDispatched) exchange.dispatch();
  }

  /** Returns the offset behind the head, or 0 when it is not whole or was refused. */
  private readHead(bytes: Uint8Array, offset: number, to: number): number {
    const context = this.context;
    if (this.requestsCount === 0 && this.facts === null && looksLikeHttp2Preface(bytes, offset, to)) {
      if (to - offset < http2PrefaceBytes) this.awaitRestOfHead(bytes, offset, to);
      else this.becomeHttp2(bytes, offset, to);
      return 0;
    }
    const end = parseRequestHead(head, bytes, offset, to, context.settings.client.http1, this.seenBytes);
    if (end === 0) {
      this.seenBytes = to - offset;
      this.awaitRestOfHead(bytes, offset, to);
      return 0;
    }
    this.seenBytes = 0;
    if (end < 0) {
      this.refuse(-end);
      return 0;
    }
    this.startRequest(head);
    return end;
  }

  private awaitRestOfHead(bytes: Uint8Array, offset: number, to: number): void {
    if (this.held === null) this.setHeld(bytes, offset, to);
    if (this.phase === Phase.head) return;
    this.phase = Phase.head;
    this.headSinceMs = this.context.loop.nowMs;
    this.context.timers.schedule(this, this.headSinceMs + this.context.settings.client.headTimeoutMs);
  }

  /** Gets ready for the body that a head announces; whether there is one. */
  protected expectBody(head: MessageHead): boolean {
    const bodyKind = head.bodyKind;
    this.bodyLeftBytes = bodyKind === BodyKind.length ? head.contentLength : 0;
    const hasBody = bodyKind === BodyKind.chunked || this.bodyLeftBytes > 0;
    this.phase = hasBody ? Phase.body : Phase.waiting;
    if (bodyKind === BodyKind.chunked) {
      const limits = this.context.settings.client.http1;
      if (this.chunked === null) this.chunked = new ChunkedReader(limits);
      else this.chunked.reset(limits);
    } else this.chunked = null;
    return hasBody;
  }

  private readBody(bytes: Uint8Array, offset: number, to: number): number {
    this.bodySinceMs = this.context.loop.nowMs;
    const exchange = this.exchange!;
    if (this.chunked !== null) return this.readChunked(exchange, this.chunked, bytes, offset, to);
    const end = to - offset < this.bodyLeftBytes ? to : offset + this.bodyLeftBytes;
    this.bodyLeftBytes -= end - offset;
    exchange.onRequestBody(bytes, offset, end);
    if (this.bodyLeftBytes === 0 && this.exchange === exchange) this.endRequest(exchange, null);
    return end;
  }

  private readChunked(
    exchange: Exchange,
    chunked: ChunkedReader,
    bytes: Uint8Array,
    offset: number,
    to: number,
  ): number {
    let at = offset;
    while (at < to && this.exchange === exchange) {
      at = chunked.read(bytes, at, to);
      if (chunked.error !== 0) {
        exchange.fail(chunked.error === Outcome.malformedBody ? Outcome.malformedBody : Outcome.headTooLarge);
        return to;
      }
      if (chunked.dataEnd > chunked.dataStart) exchange.onRequestBody(bytes, chunked.dataStart, chunked.dataEnd);
      if (!chunked.isDone || this.exchange !== exchange) continue;
      if (chunked.parseTrailers(trailers)) this.endRequest(exchange, trailers.fieldCount === 0 ? null : trailers);
      else exchange.fail(Outcome.headTooLarge);
      return at;
    }
    return at;
  }

  private endRequest(exchange: Exchange, requestTrailers: MessageHead | null): void {
    this.phase = Phase.waiting;
    exchange.onRequestEnd(requestTrailers);
  }

  /** The client sent more than one request: the rest waits, and the client with it. */
  private holdAhead(bytes: Uint8Array, from: number, to: number): void {
    this.setHeld(bytes, from, to);
    this.pauseReading();
  }

  protected setHeld(bytes: Uint8Array, from: number, to: number): void {
    this.held = bytes;
    this.heldFrom = from;
    this.heldTo = to;
    // The rest of what was held before lies well where it is.
    if (bytes === this.heldMemory) return;
    const memory = Buffer.allocUnsafeSlow((to - from) * 2);
    this.heldTo = copyBytes(bytes, from, to, memory, 0);
    this.heldFrom = 0;
    this.held = memory;
    this.heldMemory = memory;
  }

  protected letGoOfHeld(): void {
    this.held = null;
    this.heldMemory = null;
  }

  /** Appends to what is held, in memory of our own with room to grow. */
  private hold(bytes: Uint8Array, from: number, to: number): void {
    const waiting = this.heldTo - this.heldFrom;
    let held = this.held!;
    if (held.length - this.heldTo < to - from) {
      const larger = Buffer.allocUnsafeSlow((waiting + to - from) * 2);
      copyBytes(held, this.heldFrom, this.heldTo, larger, 0);
      held = larger;
      this.held = held;
      this.heldMemory = held;
      this.heldFrom = 0;
      this.heldTo = waiting;
    }
    this.heldTo = copyBytes(bytes, from, to, held, this.heldTo);
  }

  /** Reads on, unless a whole request waits for its turn or a slow upstream has stopped the reading. */
  protected readOn(): void {
    if (this.isRequestPaused || (this.phase === Phase.waiting && this.held !== null)) return;
    this.resumeReading();
  }

  protected awaitRequest(): void {
    this.phase = Phase.idle;
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.keepAliveTimeoutMs);
  }
}

/**
 * One connection to the example exchange: requests out of its bytes, answers in their order, misbehaviour as asked.
 *
 * Limits: a head of 64 KiB, a collected body of 4 MiB (longer ones are read and dropped), what a client sends while its
 * answer is delayed stays in the kernel.
 */
import { Wire } from "../transport/mod.ts";
import { type Answer, json, renderAnswer, renderHead } from "./answers.ts";
import type { Behaviour } from "./behaviour.ts";
import { delay } from "./delays.ts";
import type { Market } from "./exchange.ts";
import { Body, ChunkedBody, RequestHead } from "./request.ts";

/** A request as the exchange sees it. */
export interface ExchangeRequest {
  readonly method: string;
  /** With its query. */
  readonly target: string;
  readonly head: Buffer;
  readonly body: Buffer;
  /** Of Idempotency-Key; empty when there is none. */
  readonly key: string;
  readonly close: boolean;
}

const headBytesMax = 64 * 1024;
const bodyKeptMax = 4 * 1024 * 1024;
const pieceBytes = 64 * 1024;
const slowPieceBytes = 1024;
const filler = Buffer.alloc(pieceBytes, "0123456789abcdef");
const continueAnswer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
const lineEnd = Buffer.from("\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");
const noBytes = Buffer.alloc(0);

/** Answers of one read are gathered here and written at once; one buffer for the process, empty between reads. */
const gathered = Buffer.alloc(1024 * 1024);
let gatheredLength = 0;

export class ExchangeConnection extends Wire {
  private readonly market: Market;
  private readonly connections: Set<ExchangeConnection>;
  private readonly head = new RequestHead();
  private readonly chunked = new ChunkedBody();
  private rest: Buffer | null = null;
  private request: ExchangeRequest | null = null;
  private bodyLeft = 0;
  private bodyPieces: Buffer[] = [];
  private bodyKept = 0;
  /** An answer is delayed or still being written: nothing more is read until it is out. */
  private isBusy = false;
  private isClosing = false;
  private stream: { left: number; isChunked: boolean; slowMs: number; stopAt: number } | null = null;
  private callOff: (() => void) | null = null;

  /** @param connections those that are open; it belongs to them until it is closed */
  constructor(market: Market, connections: Set<ExchangeConnection>) {
    super();
    this.market = market;
    this.connections = connections;
    connections.add(this);
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.receive(Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset + from, to - from));
  }

  onWritable(): void {
    if (this.callOff === null) this.continueStream();
    this.endIfDone();
  }

  onPeerEnd(): void {
    this.isClosing = true;
    this.endIfDone();
  }

  onClosed(): void {
    this.connections.delete(this);
    this.callOff?.();
  }

  onTimer(): void {}

  private receive(data: Buffer): void {
    const bytes = this.rest === null ? data : Buffer.concat([this.rest, data]);
    this.rest = null;
    let at = 0;
    try {
      at = this.consume(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.put(renderAnswer(400, json, '{"error":"malformed"}', "", true).bytes);
      this.isClosing = true;
    }
    if (at < bytes.length && !this.isClosing) this.rest = Buffer.from(bytes.subarray(at));
    this.finishRead();
  }

  /** Reads requests until the bytes end or one has to wait; returns how far it came. */
  private consume(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.isBusy && !this.isClosing) {
      if (this.request === null) {
        if (!this.head.find(bytes, at)) {
          if (bytes.length - at > headBytesMax) throw new RangeError("head too large");
          return at;
        }
        at = this.head.end;
        if (this.answerPlain(bytes)) at += this.head.bodyLength;
        else this.begin(bytes);
      } else at = this.readBody(bytes, at);
    }
    return at;
  }

  /** The cases that benchmarks are made of, answered without making a request. */
  private answerPlain(bytes: Buffer): boolean {
    const { head, market } = this;
    const answer = market.plainAnswer(bytes, head, bytes.length);
    if (answer === null) return false;
    market.requestsCount += 1;
    this.put(answer.bytes);
    return true;
  }

  private begin(bytes: Buffer): void {
    const { head } = this;
    const isEcho = bytes.toString("latin1", head.targetStart, head.targetStart + 5) === "/echo";
    this.request = {
      method: bytes.toString("latin1", head.start, head.methodEnd),
      target: bytes.toString("latin1", head.targetStart, head.targetEnd),
      head: isEcho ? Buffer.from(bytes.subarray(head.start, head.end)) : noBytes,
      body: noBytes,
      key: head.keyEnd === 0 ? "" : bytes.toString("latin1", head.keyStart, head.keyEnd).trim(),
      close: head.wantsClose,
    };
    this.bodyPieces = [];
    this.bodyKept = 0;
    this.bodyLeft = head.bodyLength;
    if (head.body === Body.chunked) {
      this.chunked.reset();
      this.bodyLeft = -1;
    }
    if (head.expectsContinue && this.bodyLeft !== 0) this.put(continueAnswer);
    if (this.bodyLeft === 0) this.complete();
  }

  private readBody(bytes: Buffer, at: number): number {
    if (this.bodyLeft < 0) {
      const next = this.chunked.read(bytes, at, (piece) => this.collect(piece));
      if (this.chunked.isDone) this.complete();
      return next;
    }
    const end = Math.min(bytes.length, at + this.bodyLeft);
    this.collect(bytes.subarray(at, end));
    this.bodyLeft -= end - at;
    if (this.bodyLeft === 0) this.complete();
    return end;
  }

  private collect(piece: Uint8Array): void {
    if (this.bodyKept + piece.length > bodyKeptMax) return;
    this.bodyKept += piece.length;
    this.bodyPieces.push(Buffer.from(piece));
  }

  private complete(): void {
    const request = { ...this.request!, body: this.bodyPieces.length === 0 ? noBytes : Buffer.concat(this.bodyPieces) };
    this.request = null;
    this.bodyPieces = [];
    this.market.requestsCount += 1;
    const behaviour = this.market.behaviourOf(request.target);
    if ("wrong" in behaviour) {
      this.answer(renderAnswer(400, json, JSON.stringify(behaviour), "", request.close), request);
      return;
    }
    const delayMs = this.market.delayMs(behaviour);
    if (delayMs === 0) this.respond(request, behaviour);
    else this.later(delayMs, () => this.respond(request, behaviour));
  }

  private respond(request: ExchangeRequest, behaviour: Behaviour): void {
    if (behaviour.close === "before") {
      this.destroy();
      return;
    }
    const isError = this.market.draws(behaviour.errorRatio);
    const close = request.close || behaviour.close === "after";
    const asked = close === request.close ? request : { ...request, close };
    const answer = isError ? errorAnswer(behaviour.errorStatus, close) : this.market.answer(asked);
    const size = behaviour.bodyBytes >= 0 ? behaviour.bodyBytes : typeof answer === "number" ? answer : -1;
    if (size < 0 && typeof answer !== "number" && behaviour.close !== "half" && !behaviour.isChunked) {
      this.answer(answer, asked);
      return;
    }
    const status = isError ? behaviour.errorStatus : 200;
    this.beginStream(asked, status, size < 0 ? pieceBytes : size, behaviour);
  }

  private answer({ bytes, headLength }: Answer, { method, close }: ExchangeRequest): void {
    this.put(method === "HEAD" ? bytes.subarray(0, headLength) : bytes);
    this.isClosing ||= close;
  }

  private beginStream(request: ExchangeRequest, status: number, size: number, behaviour: Behaviour): void {
    const { isChunked, slowMs } = behaviour;
    this.put(renderHead(status, "application/octet-stream", isChunked ? -1 : size, "", request.close));
    this.isClosing ||= request.close;
    if (request.method === "HEAD") return;
    const stopAt = behaviour.close === "half" ? Math.floor(size / 2) : -1;
    this.stream = { left: size, isChunked, slowMs, stopAt };
    this.setBusy(true);
    this.flushGathered();
    this.continueStream();
  }

  /** Writes pieces until the kernel takes no more, the next one has to wait, or the body is complete. */
  private continueStream(): void {
    for (;;) {
      const { stream } = this;
      if (stream === null || this.backlogBytes > 0 || !this.isOpen) return;
      if (stream.left === stream.stopAt) {
        this.stream = null;
        this.isClosing = true;
        this.goOn();
        return;
      }
      if (stream.left === 0) {
        this.endStream(stream.isChunked);
        return;
      }
      const wanted = stream.left - Math.max(0, stream.stopAt);
      const length = Math.min(wanted, stream.slowMs > 0 ? slowPieceBytes : pieceBytes);
      stream.left -= length;
      if (stream.isChunked) this.send(Buffer.from(`${length.toString(16)}\r\n`));
      this.write(filler, 0, length);
      if (stream.isChunked) this.send(lineEnd);
      if (stream.slowMs > 0 && stream.left > 0) {
        this.wait(stream.slowMs, () => this.continueStream());
        return;
      }
    }
  }

  private endStream(isChunked: boolean): void {
    this.stream = null;
    if (isChunked) this.send(lastChunk);
    this.goOn();
  }

  private later(ms: number, run: () => void): void {
    this.setBusy(true);
    this.wait(ms, () => {
      this.setBusy(false);
      run();
      if (!this.isBusy) this.goOn();
    });
  }

  private wait(ms: number, run: () => void): void {
    this.callOff = delay(ms, () => {
      this.callOff = null;
      run();
    });
  }

  /** Takes up what came while an answer was delayed. */
  private goOn(): void {
    this.setBusy(false);
    if (this.rest !== null && !this.isClosing) this.receive(noBytes);
    else this.finishRead();
  }

  private setBusy(isBusy: boolean): void {
    if (this.isBusy === isBusy) return;
    this.isBusy = isBusy;
    if (isBusy) this.pauseReading();
    else this.resumeReading();
  }

  /** Adds bytes to what this read will write. */
  private put(bytes: Uint8Array): void {
    if (gatheredLength + bytes.length > gathered.length) this.flushGathered();
    gathered.set(bytes, gatheredLength);
    gatheredLength += bytes.length;
  }

  private finishRead(): void {
    this.flushGathered();
    this.endIfDone();
  }

  private flushGathered(): void {
    if (gatheredLength === 0) return;
    const length = gatheredLength;
    gatheredLength = 0;
    this.write(gathered, 0, length);
  }

  private send(bytes: Buffer): void {
    this.write(bytes, 0, bytes.length);
  }

  private endIfDone(): void {
    if (this.isClosing && !this.isBusy && this.backlogBytes === 0) this.close();
  }
}

function errorAnswer(status: number, close: boolean): Answer {
  return renderAnswer(status, json, `{"error":"as asked","status":${status}}`, "", close);
}

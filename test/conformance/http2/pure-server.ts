/** The state machine as the server that cases are run against: see case.ts for what it answers. */
import {
  type ConnectionEvents,
  defaultHttp2Limits,
  FieldId,
  Http2Connection,
  Http2Shared,
  type Http2Stream,
  type MessageHead,
  rangeText,
} from "../../../src/protocols/mod.ts";

interface Exchange {
  readonly path: string;
  body: Buffer;
  sentBytes: number;
  /** Of a body that broke off, how much came depends on how it was cut. */
  isReset: boolean;
}

type Stream = Http2Stream<Exchange>;
const shared = new Http2Shared<Exchange>(defaultHttp2Limits);

export class PureServer implements ConnectionEvents<Exchange> {
  readonly connection = new Http2Connection<Exchange>("server", shared, this);
  /** What the owner was told, for comparisons between ways of splitting the input. */
  readonly log: string[] = [];
  readonly openStreams = new Set<Stream>();

  constructor() {
    this.connection.start();
  }

  /** Takes a client's bytes, and returns what the server writes. */
  receive(bytes: Uint8Array): Buffer {
    this.connection.receive(bytes, 0, bytes.length);
    return this.drain();
  }

  drain(): Buffer {
    const written: Buffer[] = [];
    const { output } = this.connection;
    while (output.pendingBytes > 0) {
      const { start, end } = output;
      written.push(Buffer.from(output.bytes.subarray(start, end)));
      this.connection.drained(end - start);
    }
    return Buffer.concat(written);
  }

  onHead(stream: Stream, head: MessageHead, isEnd: boolean): void {
    const path = rangeText(head, head.pathStart, head.pathEnd);
    this.note(stream, `head ${rangeText(head, head.methodStart, head.methodEnd)} ${path} ${isEnd}`);
    this.openStreams.add(stream);
    stream.context = { path, body: Buffer.alloc(0), sentBytes: 0, isReset: false };
    if (isEnd) this.answer(stream);
  }

  onHeadTooLarge(stream: Stream): void {
    this.note(stream, "head too large");
    this.openStreams.add(stream);
    this.connection.sender.beginResponse(431);
    this.connection.finishHead(stream, true);
  }

  onData(stream: Stream, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    const exchange = stream.context!;
    if (exchange.path !== "/hold") {
      exchange.body = Buffer.concat([exchange.body, bytes.subarray(from, to)]);
      this.connection.consume(stream, to - from);
    }
    if (isEnd) this.answer(stream);
  }

  onTrailers(stream: Stream): void {
    this.answer(stream);
  }

  onWindow(stream: Stream): void {
    this.send(stream);
  }

  onReset(stream: Stream, code: number, violation: number): void {
    if (stream.context !== null) stream.context.isReset = true;
    this.note(stream, `reset ${code} ${violation}`);
  }

  onStreamClosed(stream: Stream): void {
    this.note(stream, stream.context?.isReset === false ? `closed ${stream.context.body.length}` : "closed");
    if (!this.openStreams.delete(stream)) throw new Error("a stream was closed twice");
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.log.push(`goaway ${lastStreamId} ${code}`);
  }

  onSettings(): void {
    this.log.push("settings");
  }

  onPong(): void {}

  onViolation(violation: number): void {
    this.log.push(`violation ${violation}`);
  }

  onFailed(violation: number): void {
    this.log.push(`failed ${violation}`);
  }

  private note(stream: Stream, event: string): void {
    this.log.push(`${stream.id} ${event}`);
  }

  private answer(stream: Stream): void {
    const exchange = stream.context!;
    if (exchange.path === "/hold") return;
    if (exchange.path !== "/echo") {
      const count = Number(exchange.path.match(/^\/bytes\/(\d+)$/)?.[1] ?? 0);
      exchange.body = count > 0 ? Buffer.alloc(count, 0x61) : Buffer.from("hello");
    }
    const { sender } = this.connection;
    const length = Buffer.from(String(exchange.body.length));
    sender.beginResponse(200);
    sender.field(FieldId.contentLength, length, 0, length.length);
    this.connection.finishHead(stream, false);
    this.send(stream);
  }

  private send(stream: Stream): void {
    const exchange = stream.context!;
    const { body, sentBytes } = exchange;
    exchange.sentBytes += this.connection.sendData(stream, body, sentBytes, body.length, true);
  }
}

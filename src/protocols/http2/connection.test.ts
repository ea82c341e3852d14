import { expect, test } from "bun:test";
import { Random } from "../../base/mod.ts";
import { defaultHttp1Limits, fieldMask, fieldText, MessageHead, parseRequestHead } from "../http1/mod.ts";
import { Http2Connection } from "./connection.ts";
import { type ConnectionEvents, Http2Shared } from "./connection-core.ts";
import { Flag, FrameType, writeFrame } from "./frames.ts";
import { defaultHttp2Limits, type Http2Limits } from "./limits.ts";
import { Output } from "./output.ts";
import type { Http2Stream } from "./stream.ts";
import { ErrorCode, Violation } from "./violations.ts";

interface Talk {
  received: number;
  trailers: string | undefined;
  toSend: number;
  hasEnded: boolean;
}
type Stream = Http2Stream<Talk>;
const noFields = fieldMask([]);

/** One end of a connection: sends `toSend` bytes on every stream as its windows allow, and counts what comes. */
class End implements ConnectionEvents<Talk> {
  readonly connection: Http2Connection<Talk>;
  readonly log: string[] = [];
  readonly streams = new Map<number, Stream>();
  readonly statuses: number[] = [];
  private readonly answerBytes: number;
  isConsuming = true;
  received = 0;
  lastPath: string | undefined;

  constructor(role: "client" | "server", answerBytes: number, limits: Http2Limits = defaultHttp2Limits) {
    this.connection = new Http2Connection<Talk>(role, new Http2Shared<Talk>(limits), this);
    this.answerBytes = answerBytes;
    this.connection.start();
  }

  request(head: MessageHead, bodyBytes: number): Stream {
    const stream = this.connection.open(head.methodId, {
      received: 0,
      trailers: undefined,
      toSend: bodyBytes,
      hasEnded: false,
    });
    this.streams.set(stream.id, stream);
    this.connection.sender.beginRequest(head, false);
    this.connection.sender.fields(head, noFields);
    this.connection.finishHead(stream, bodyBytes === 0);
    if (bodyBytes > 0) this.send(stream);
    return stream;
  }

  onHead(stream: Stream, head: MessageHead, isEnd: boolean): void {
    if (this.connection.role === "client") {
      this.statuses.push(head.status);
      return;
    }
    this.lastPath = Buffer.from(head.bytes.subarray(head.pathStart, head.queryEnd)).toString();
    this.log.push(`${stream.id} ${fieldText(head, "host")} ${fieldText(head, "x-long")?.length ?? 0}`);
    stream.context = { received: 0, trailers: undefined, toSend: this.answerBytes, hasEnded: false };
    this.streams.set(stream.id, stream);
    if (isEnd) this.answer(stream);
  }

  onHeadTooLarge(stream: Stream): void {
    this.connection.reset(stream, ErrorCode.cancel);
  }

  onData(stream: Stream, _bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    this.received += to - from;
    stream.context!.received += to - from;
    if (this.isConsuming) this.connection.consumeAll(stream);
    if (isEnd && this.connection.role === "server") this.answer(stream);
  }

  onTrailers(stream: Stream, head: MessageHead): void {
    stream.context!.trailers = fieldText(head, "grpc-status");
    this.log.push(`trailers ${stream.context!.trailers}`);
  }

  onWindow(stream: Stream): void {
    this.send(stream);
  }

  onReset(stream: Stream, code: number, violation: number): void {
    this.log.push(`${stream.id} reset ${code} ${violation}`);
  }

  onStreamClosed(stream: Stream): void {
    this.streams.delete(stream.id);
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.log.push(`goaway ${lastStreamId} ${code}`);
  }

  onSettings(): void {}
  onPong(): void {
    this.log.push("pong");
  }
  onViolation(): void {}
  onFailed(violation: number): void {
    this.log.push(`failed ${violation}`);
  }

  private answer(stream: Stream): void {
    this.connection.sender.beginResponse(200);
    this.connection.finishHead(stream, false);
    this.send(stream);
  }

  private send(stream: Stream): void {
    const talk = stream.context!;
    const chunk = new Uint8Array(Math.min(talk.toSend, 100_000));
    const isServer = this.connection.role === "server";
    const isLast = !isServer && chunk.length === talk.toSend;
    talk.toSend -= this.connection.sendData(stream, chunk, 0, chunk.length, isLast);
    if (talk.toSend > 0) {
      if (!stream.isWaiting) this.send(stream);
      return;
    }
    if (!isServer) return;
    const status = Buffer.from("grpc-status: 0\r\n");
    this.connection.sender.beginTrailers();
    this.connection.sender.lines(status, 0, status.length);
    this.connection.finishHead(stream, true);
  }
}

/** Moves bytes between two ends, at most `pieceBytes` at a time, until neither has any. */
function settle(left: End, right: End, pieceBytes = 1_000_000): void {
  for (let isMoving = true; isMoving; ) {
    isMoving = false;
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const { output } = from.connection;
      if (output.pendingBytes === 0) continue;
      isMoving = true;
      const piece = output.bytes.slice(output.start, Math.min(output.end, output.start + pieceBytes));
      from.connection.drained(piece.length);
      to.connection.receive(piece, 0, piece.length);
    }
  }
}

function requestHead(
  lines = "GET /a?b HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: te\r\n",
): MessageHead {
  const head = new MessageHead();
  const bytes = Buffer.from(`${lines}\r\n`, "latin1");
  const limits = { ...defaultHttp1Limits, headBytesMax: 200_000 };
  expect(parseRequestHead(head, bytes, 0, bytes.length, limits)).toBe(bytes.length);
  return head;
}

test("requests and answers of any size pass both ways under flow control, with trailers", () => {
  const random = new Random(7);
  for (const pieceBytes of [1_000_000, 4_093, 61]) {
    const client = new End("client", 0);
    const server = new End("server", 400_000);
    const bodies = Array.from({ length: 5 }, () => random.below(300_000));
    for (const bytes of bodies) client.request(requestHead(), bytes);
    settle(client, server, pieceBytes);
    const sum = bodies.reduce((total, bytes) => total + bytes, 0);
    expect({
      received: [server.received, client.received],
      open: [client.connection.streamCount, server.connection.streamCount],
      statuses: client.statuses,
      path: server.lastPath,
      trailers: client.log.filter((line) => line === "trailers 0").length,
    }).toEqual({
      received: [sum, 5 * 400_000],
      open: [0, 0],
      statuses: [200, 200, 200, 200, 200],
      path: "/a?b",
      trailers: 5,
    });
  }
});

test("who does not consume stops the sender at the windows, and starts it again by consuming", () => {
  const client = new End("client", 0);
  const server = new End("server", 2_000_000);
  client.isConsuming = false;
  for (let i = 0; i < 5; i++) client.request(requestHead(), 0);
  settle(client, server);
  expect(client.received).toBe(defaultHttp2Limits.connectionWindowBytes);
  // The server has no more than what fits its windows and the room of its output.
  expect(server.connection.output.pendingBytes).toBe(0);
  client.isConsuming = true;
  for (const stream of [...client.streams.values()]) client.connection.consumeAll(stream);
  settle(client, server);
  expect([client.received, client.connection.streamCount]).toEqual([10_000_000, 0]);
});

test("what is still to come of a frame is not consumed with what has come", () => {
  const client = new End("client", 0);
  const server = new End("server", 10_000);
  client.isConsuming = false;
  client.request(requestHead(), 0);
  const { output } = client.connection;
  server.connection.receive(output.bytes, output.start, output.end);
  client.connection.drained(output.pendingBytes);
  const sent = server.connection.output;
  const middle = sent.end - 4000;
  client.connection.receive(sent.bytes, sent.start, middle);
  const [stream] = client.streams.values();
  // The owner had stopped the sender, and lets it go on while a frame is half read.
  client.connection.consumeAll(stream!);
  expect(stream!.unconsumedBytes).toBe(10_000 - client.received);
  client.isConsuming = true;
  client.connection.receive(sent.bytes, middle, sent.end);
  expect([client.received, client.connection.streamCount]).toEqual([10_000, 0]);
});

test("what was on its way when a stream was reset is no flood, and more than its window is", () => {
  const client = new End("client", 0);
  const server = new End("server", 0);
  settle(client, server);
  const stream = client.request(requestHead(), 0);
  const { id } = stream;
  client.connection.reset(stream, ErrorCode.cancel);
  const frame = new Output();
  writeFrame(frame, FrameType.data, 0, id, new Uint8Array(64), 0, 64);
  const late = (count: number): void => {
    for (let i = 0; i < count; i++) client.connection.receive(frame.bytes, frame.start, frame.end);
  };
  late(defaultHttp2Limits.streamWindowBytes / 64);
  expect(client.connection.isFailed).toBe(false);
  late(1000);
  expect(client.log.at(-1)).toBe(`failed ${Violation.controlFlood}`);
});

test("an answer that comes long after its stream was reset ends no connection", () => {
  const client = new End("client", 0);
  const server = new End("server", 0);
  settle(client, server);
  const stream = client.request(requestHead(), 0);
  const { id } = stream;
  client.connection.reset(stream, ErrorCode.cancel);
  for (let i = 0; i < 100; i++) client.connection.reset(client.request(requestHead(), 0), ErrorCode.cancel);
  const late = new Output();
  writeFrame(late, FrameType.headers, Flag.endHeaders | Flag.endStream, id, Uint8Array.of(0x88), 0, 1);
  client.connection.receive(late.bytes, late.start, late.end);
  expect([client.connection.isFailed, client.statuses]).toEqual([false, []]);
});

test("the output stays bounded while nobody writes it, and every waiting stream gets its turn", () => {
  const client = new End("client", 0);
  const server = new End("server", 250_000);
  for (let i = 0; i < 4; i++) client.request(requestHead(), 0);
  const { output } = client.connection;
  server.connection.receive(output.bytes, output.start, output.end);
  client.connection.drained(output.pendingBytes);
  expect(server.connection.output.pendingBytes).toBeLessThan(defaultHttp2Limits.outputBytesMax + 17_000);
  settle(client, server);
  expect([client.received, client.connection.streamCount]).toEqual([1_000_000, 0]);
});

test("a head too long for a frame goes out in CONTINUATION frames", () => {
  const limits = { ...defaultHttp2Limits, headListBytesMax: 100_000, fieldBlockBytesMax: 100_000 };
  const client = new End("client", 0, limits);
  const server = new End("server", 5, limits);
  client.request(requestHead(`GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"\u00ff".repeat(50_000)}\r\n`), 0);
  client.request(requestHead(), 0);
  settle(client, server);
  expect(server.log).toEqual(["1 a 50000", "3 a.example 0"]);
  expect(client.received).toBe(10);
});

test("draining loses no stream that was on its way, and refuses later ones", () => {
  const client = new End("client", 0);
  const server = new End("server", 10);
  settle(client, server);
  server.connection.drain();
  // These cross the first GOAWAY.
  client.request(requestHead(), 0);
  client.request(requestHead(), 0);
  settle(client, server);
  expect(client.log).toEqual(["goaway 2147483647 0", "trailers 0", "trailers 0", "goaway 3 0"]);
  expect([client.statuses, server.connection.isDrained, client.connection.canOpen]).toEqual([[200, 200], true, false]);
});

test("a client's streams above the server's last one come back as refused", () => {
  const client = new End("client", 0);
  const server = new End("server", 10);
  settle(client, server);
  for (let i = 0; i < 3; i++) client.request(requestHead(), 0);
  const goaway = Buffer.from("0000080700000000000000000100000000", "hex");
  client.connection.receive(goaway, 0, goaway.length);
  expect(client.log).toEqual(["3 reset 7 0", "5 reset 7 0", "goaway 1 0"]);
  expect(client.connection.streamCount).toBe(1);
});

test("what a server may not do to a client ends the stream or the connection", () => {
  const frame = (type: number, flags: number, id: number, payload: string): [number, number, number, Buffer] => [
    type,
    flags,
    id,
    Buffer.from(payload, "hex"),
  ];
  const both = Flag.endHeaders | Flag.endStream;
  const cases: readonly (readonly [string, ReturnType<typeof frame>[], string])[] = [
    ["an answer on an idle stream", [frame(FrameType.headers, both, 3, "88")], `failed ${Violation.idleStream}`],
    ["an answer on an even stream", [frame(FrameType.headers, both, 2, "88")], `failed ${Violation.streamParity}`],
    ["a push", [frame(FrameType.pushPromise, 4, 1, "0000000282")], `failed ${Violation.pushPromise}`],
    ["ENABLE_PUSH", [frame(FrameType.settings, 0, 0, "000200000001")], `failed ${Violation.settingValue}`],
    ["DATA before the head", [frame(FrameType.data, 0, 1, "61")], `1 reset 1 ${Violation.dataBeforeHead}`],
    ["no status", [frame(FrameType.headers, both, 1, "")], `1 reset 1 ${Violation.pseudoMissing}`],
    ["a request's pseudo-field", [frame(FrameType.headers, both, 1, "8882")], `1 reset 1 ${Violation.pseudoUnknown}`],
    [
      "DATA after the interim answer",
      [frame(FrameType.headers, 4, 1, "0803313033"), frame(FrameType.data, 0, 1, "61")],
      `1 reset 1 ${Violation.dataBeforeHead}`,
    ],
    [
      "trailers that do not end the stream",
      [frame(FrameType.headers, 4, 1, "88"), frame(FrameType.headers, 4, 1, "")],
      `1 reset 1 ${Violation.trailersOpen}`,
    ],
    [
      "a body to HEAD",
      [frame(FrameType.headers, 4, 1, "88"), frame(FrameType.data, 1, 1, "61")],
      `1 reset 1 ${Violation.contentLengthMismatch}`,
    ],
  ];
  for (const [name, frames, expected] of cases) {
    const client = new End("client", 0);
    const server = new End("server", 10);
    settle(client, server);
    client.request(requestHead("HEAD / HTTP/1.1\r\nHost: a\r\n"), 0);
    for (const [type, flags, id, payload] of frames) {
      writeFrame(server.connection.output, type, flags, id, payload, 0, payload.length);
    }
    const { output } = server.connection;
    client.connection.receive(output.bytes, output.start, output.end);
    expect([name, client.log]).toEqual([name, [expected]]);
  }
});

test("an early answer, a reset of ours and a ping", () => {
  const client = new End("client", 0);
  const server = new End("server", 10);
  const stream = client.request(requestHead("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"), 5);
  expect(client.connection.streamCount).toBe(0 + 1);
  client.connection.ping();
  settle(client, server);
  expect([client.log, server.log]).toEqual([
    ["1 reset 1 0", "pong"],
    ["1 a 0", `1 reset 1 ${Violation.contentLengthMismatch}`],
  ]);
  expect(stream.id).toBe(0);
  const second = client.request(requestHead(), 0);
  client.connection.reset(second, ErrorCode.cancel);
  settle(client, server);
  expect([client.connection.streamCount, server.connection.streamCount]).toEqual([0, 0]);
});

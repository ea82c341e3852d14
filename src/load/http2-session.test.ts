import { expect, test } from "bun:test";
import { Random } from "../base/mod.ts";
import {
  ErrorCode,
  Flag,
  FrameType,
  frameHeadBytes,
  HpackEncoder,
  Output,
  preface,
  putFrameHead,
  readUint32,
  Setting,
} from "../protocols/mod.ts";
import { failureNames } from "./failures.ts";
import { Http2Scratch, type Http2SessionEvents } from "./http2-events.ts";
import { Http2Request } from "./http2-request.ts";
import { Http2Session } from "./http2-session.ts";
import { noChecks, type PlanClass } from "./plan.ts";

const encoder = new TextEncoder();
const get: PlanClass = { name: "all", weight: 1, method: "GET", path: "/", headers: [], body: null, checks: noChecks };

/** A session with what its owner was told, in words. */
class Client implements Http2SessionEvents {
  readonly told: string[] = [];
  readonly output = new Output();
  readonly session: Http2Session;

  constructor(seats = 4) {
    this.session = new Http2Session(0, seats, this.output, new Http2Scratch(), this);
    this.session.begin();
  }

  onReady(): void {
    this.told.push("ready");
  }
  onStreamsAllowed(session: Http2Session): void {
    this.told.push(`allowed ${session.streamsAllowed}`);
  }
  onAnswer(_session: Http2Session, seat: number, status: number): void {
    this.told.push(`answer ${seat} ${status}`);
  }
  onFailed(_session: Http2Session, seat: number, failure: number): void {
    this.told.push(`failed ${seat} ${failureNames[failure]}`);
  }
  onLeaving(): void {
    this.told.push("leaving");
  }
  onBroken(_session: Http2Session, failure: number): void {
    this.told.push(`broken ${failureNames[failure]}`);
  }

  send(seat: number, change: Partial<PlanClass> = {}): void {
    const source = { random: new Random(1), counterStart: 0, counterStep: 1 };
    const request = new Http2Request({ ...get, ...change }, { authority: "h", isSecure: false }, source);
    request.render();
    this.session.request(seat, request);
  }

  receive(...pieces: Uint8Array[]): string[] {
    const bytes = Buffer.concat(pieces);
    this.session.receive(bytes, 0, bytes.length);
    return this.told;
  }

  /** Frames written since the last call: type, flags, stream and length. */
  written(): { type: number; flags: number; stream: number; payload: Buffer }[] {
    const { output } = this;
    let bytes = Buffer.from(output.bytes.subarray(output.start, output.end));
    output.drain(output.end - output.start);
    if (bytes.subarray(0, preface.length).equals(preface)) bytes = bytes.subarray(preface.length);
    const frames = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUIntBE(at, 3);
      const payload = bytes.subarray(at + frameHeadBytes, at + frameHeadBytes + length);
      frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, stream: bytes.readUInt32BE(at + 5), payload });
      at += frameHeadBytes + length;
    }
    return frames;
  }

  /** The code of the GOAWAY it wrote, or -1. */
  goaway(): number {
    const frame = this.written().find(({ type }) => type === FrameType.goaway);
    return frame === undefined ? -1 : readUint32(frame.payload, 4);
  }
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array | number[] = []): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + payload.length);
  bytes.set(payload, putFrameHead(bytes, 0, payload.length, type, flags, stream));
  return bytes;
}

const number = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const setting = (id: number, value: number): number[] => [0, id, ...number(value)];
const settings = (...pairs: [number, number][]): Uint8Array =>
  frame(
    FrameType.settings,
    0,
    0,
    pairs.flatMap(([id, value]) => setting(id, value)),
  );

/** The field block of an answer, by an encoder whose table stays empty. */
function block(status: number, fields: Record<string, string> = {}): Uint8Array {
  const output = new Output();
  const hpack = new HpackEncoder(0);
  hpack.begin(output);
  hpack.status(output, status);
  for (const [name, value] of Object.entries(fields)) {
    const text = encoder.encode(name + value);
    hpack.field(output, 0, text, 0, name.length, name.length, text.length, 0);
  }
  return output.bytes.slice(output.start, output.end);
}

const headers = (stream: number, status: number, flags: number, fields: Record<string, string> = {}): Uint8Array =>
  frame(FrameType.headers, flags | Flag.endHeaders, stream, block(status, fields));
const data = (stream: number, text: string, flags = 0): Uint8Array =>
  frame(FrameType.data, flags, stream, encoder.encode(text));

test("an answer split at every byte is the same answer", () => {
  const answer = Buffer.concat([
    settings([Setting.maxConcurrentStreams, 100]),
    headers(1, 103, 0),
    frame(FrameType.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
    headers(1, 200, 0, { "content-length": "5", server: "x" }),
    frame(FrameType.data, Flag.padded, 1, [3, 0x68, 0x65, 0, 0, 0]),
    data(1, "llo"),
    frame(FrameType.data, Flag.endStream, 1),
  ]);
  for (let split = 0; split <= answer.length; split++) {
    const client = new Client();
    client.send(2);
    client.receive(answer.subarray(0, split));
    expect(client.receive(answer.subarray(split))).toEqual(["ready", "answer 2 200"]);
  }
});

test("it begins with preface, settings and a large window, and acknowledges and answers", () => {
  const client = new Client();
  const begun = client.written();
  expect(begun.map(({ type, stream }) => [type, stream])).toEqual([
    [FrameType.settings, 0],
    [FrameType.windowUpdate, 0],
  ]);
  client.receive(settings(), frame(FrameType.ping, 0, 0, [8, 7, 6, 5, 4, 3, 2, 1]));
  const answered = client.written();
  expect(answered.map(({ type, flags }) => [type, flags])).toEqual([
    [FrameType.settings, Flag.ack],
    [FrameType.ping, Flag.ack],
  ]);
  expect([...answered[1]!.payload]).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
});

test("a body waits for the windows of stream and connection, and ends the stream", () => {
  const client = new Client();
  client.receive(settings([Setting.initialWindowSize, 10]));
  client.written();
  client.send(0, { method: "POST", body: new Uint8Array(25).fill(7) });
  const first = client.written();
  expect(first.map(({ type, flags, payload }) => [type, flags, type === FrameType.data ? payload.length : -1])).toEqual(
    [
      [FrameType.headers, Flag.endHeaders, -1],
      [FrameType.data, 0, 10],
    ],
  );
  client.receive(frame(FrameType.windowUpdate, 0, 1, number(5)));
  client.receive(settings([Setting.initialWindowSize, 20]));
  const rest = client.written().filter(({ type }) => type === FrameType.data);
  expect(rest.map(({ flags, payload }) => [flags, payload.length])).toEqual([
    [0, 5],
    [Flag.endStream, 10],
  ]);
});

test("a connection's window holds back what a stream's would let through", () => {
  const client = new Client();
  client.receive(settings([Setting.initialWindowSize, 1_000_000]));
  client.written();
  client.send(0, { method: "POST", body: new Uint8Array(70_000) });
  const sent = (): number =>
    client.written().reduce((sum, each) => sum + (each.type === FrameType.data ? each.payload.length : 0), 0);
  expect(sent()).toBe(65_535);
  client.receive(frame(FrameType.windowUpdate, 0, 0, number(100_000)));
  expect(sent()).toBe(70_000 - 65_535);
});

test("windows are given back when half is gone", () => {
  const client = new Client();
  client.send(0);
  client.receive(settings(), headers(1, 200, 0));
  client.written();
  const piece = data(1, "x".repeat(16_384));
  for (let sent = 0; sent < 2 * 1024 * 1024; sent += 16_384) client.receive(piece);
  expect(client.written().map(({ type, stream }) => [type, stream])).toEqual([[FrameType.windowUpdate, 1]]);
});

test("a field block over several frames is one", () => {
  const client = new Client();
  client.send(0);
  const whole = block(200, { "x-long": "y".repeat(500) });
  client.receive(
    settings(),
    frame(FrameType.headers, Flag.endStream, 1, whole.slice(0, 100)),
    frame(FrameType.continuation, 0, 1, whole.slice(100, 300)),
    frame(FrameType.continuation, Flag.endHeaders, 1, whole.slice(300)),
  );
  expect(client.told).toEqual(["ready", "answer 0 200"]);
});

test("a request's large head goes out in several frames", () => {
  const client = new Client();
  client.written();
  client.send(0, { headers: [["x-large", "é".repeat(20_000)]] });
  const frames = client.written();
  expect(frames.map(({ type }) => type)).toEqual([FrameType.headers, FrameType.continuation, FrameType.continuation]);
  expect(frames.map(({ flags }) => flags)).toEqual([Flag.endStream, 0, Flag.endHeaders]);
});

test("a reset has the class of its code, an unknown code too", () => {
  const client = new Client();
  for (let seat = 0; seat < 4; seat++) client.send(seat);
  client.receive(settings());
  client.receive(frame(FrameType.rstStream, 0, 1, number(ErrorCode.refusedStream)));
  client.receive(frame(FrameType.rstStream, 0, 3, number(ErrorCode.enhanceYourCalm)));
  client.receive(frame(FrameType.rstStream, 0, 5, number(0xffff)));
  expect(client.told.slice(1)).toEqual([
    "failed 0 stream-refused-stream",
    "failed 1 stream-enhance-your-calm",
    "failed 2 stream-unknown",
  ]);
  expect(client.session.busyCount).toBe(1);
});

test("GOAWAY fails the streams above its last, and the others go on", () => {
  const client = new Client();
  for (let seat = 0; seat < 3; seat++) client.send(seat);
  client.receive(settings(), frame(FrameType.goaway, 0, 0, [...number(3), ...number(ErrorCode.noError)]));
  client.receive(headers(3, 200, Flag.endStream));
  expect(client.told).toEqual(["ready", "leaving", "failed 2 goaway-no-error", "answer 1 200"]);
  expect(client.session.isLeaving).toBe(true);
});

test("another number of streams is told", () => {
  const client = new Client();
  client.receive(settings([Setting.maxConcurrentStreams, 8]), settings([Setting.maxConcurrentStreams, 2]), settings());
  expect(client.told).toEqual(["ready", "allowed 2"]);
});

test("what comes for a stream that was given up is read and forgotten", () => {
  const client = new Client();
  client.send(0);
  client.receive(settings());
  client.session.cancel(0);
  client.receive(headers(1, 200, 0), data(1, "late", Flag.endStream));
  client.send(0);
  client.receive(headers(3, 200, Flag.endStream));
  expect(client.told).toEqual(["ready", "answer 0 200"]);
});

test("the answer to HEAD has a length and no body", () => {
  const client = new Client();
  client.send(0, { method: "HEAD" });
  client.receive(settings(), headers(1, 200, Flag.endStream, { "content-length": "1000" }));
  expect(client.told).toEqual(["ready", "answer 0 200"]);
});

const streamRules: readonly (readonly [string, Uint8Array[], string])[] = [
  ["a body shorter than its length", [headers(1, 200, 0, { "content-length": "9" }), data(1, "hi", 1)], "wrong-length"],
  ["a length without a body", [headers(1, 200, Flag.endStream, { "content-length": "9" })], "wrong-length"],
  ["two lengths", [headers(1, 200, 1, { "content-length": "1, 2" })], "malformed"],
  ["a field of a connection", [headers(1, 200, 1, { "keep-alive": "5" })], "malformed"],
  ["a status of 101", [headers(1, 101, 0)], "malformed"],
  ["an interim answer that ends the stream", [headers(1, 103, Flag.endStream)], "malformed"],
  ["data before the head", [data(1, "hi")], "malformed"],
  ["trailers that do not end the stream", [headers(1, 200, 0), frame(FrameType.headers, 4, 1, [])], "malformed"],
  ["a window that grows by nothing", [frame(FrameType.windowUpdate, 0, 1, number(0))], "protocol-error"],
  ["a window over 2^31-1", [frame(FrameType.windowUpdate, 0, 1, number(0x7fffffff))], "protocol-error"],
];
for (const [what, frames, failure] of streamRules) {
  test(`${what} fails its stream alone`, () => {
    const client = new Client();
    client.send(0);
    client.receive(settings(), ...frames);
    expect(client.told).toEqual(["ready", `failed 0 ${failure}`]);
  });
}

const push = [...number(2), ...block(200)];
const connectionRules: readonly (readonly [string, Uint8Array[], number])[] = [
  ["a push", [frame(FrameType.pushPromise, Flag.endHeaders, 1, push)], ErrorCode.protocolError],
  ["a field block that cannot be decoded", [frame(FrameType.headers, 4, 1, [0x80])], ErrorCode.compressionError],
  ["a frame on a stream nobody opened", [headers(9, 200, 1)], ErrorCode.protocolError],
  ["a frame on an even stream", [data(2, "x")], ErrorCode.protocolError],
  ["a setting out of range", [settings([Setting.maxFrameSize, 1])], ErrorCode.protocolError],
  ["a push allowed by a server", [settings([Setting.enablePush, 1])], ErrorCode.protocolError],
  ["a window out of range", [settings([Setting.initialWindowSize, 2 ** 31])], ErrorCode.flowControlError],
  ["settings of a wrong length", [frame(FrameType.settings, 0, 0, [0, 1])], ErrorCode.frameSizeError],
  ["settings on a stream", [frame(FrameType.settings, 0, 1)], ErrorCode.protocolError],
  ["a short ping", [frame(FrameType.ping, 0, 0, [1])], ErrorCode.frameSizeError],
  ["a ping on a stream", [frame(FrameType.ping, 0, 1, [1, 2, 3, 4, 5, 6, 7, 8])], ErrorCode.protocolError],
  ["a short reset", [frame(FrameType.rstStream, 0, 1, [1])], ErrorCode.frameSizeError],
  ["a reset of an idle stream", [frame(FrameType.rstStream, 0, 7, number(1))], ErrorCode.protocolError],
  ["a short goaway", [frame(FrameType.goaway, 0, 0, number(1))], ErrorCode.frameSizeError],
  ["a window of the connection that grows by nothing", [frame(8, 0, 0, number(0))], ErrorCode.protocolError],
  ["a window of the connection over 2^31-1", [frame(8, 0, 0, number(0x7fffffff))], ErrorCode.flowControlError],
  ["padding longer than its frame", [frame(FrameType.headers, 12, 1, [9, 0x88])], ErrorCode.protocolError],
];
for (const [what, frames, code] of connectionRules) {
  test(`${what} ends the connection, and GOAWAY says why`, () => {
    const client = new Client();
    client.send(0);
    client.receive(settings());
    client.written();
    client.receive(...frames);
    expect(client.told).toEqual(["ready", "broken protocol-error"]);
    expect(client.goaway()).toBe(code);
    // Nothing is read any more.
    client.receive(headers(1, 200, Flag.endStream));
    expect(client.told.length).toBe(2);
  });
}

test("pings that are not read in answer are not answered for ever", () => {
  const client = new Client();
  const ping = frame(FrameType.ping, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
  client.receive(settings());
  for (let count = 0; count < 20_000; count++) client.receive(ping);
  expect(client.told).toEqual(["ready", "broken protocol-error"]);
});

test("an answer of HTTP/1.1 is no HTTP/2", () => {
  const client = new Client();
  client.receive(encoder.encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  expect(client.told).toEqual(["broken no-http2"]);
});

test("random bytes behind the settings never get past the owner's calls", () => {
  const random = new Random(20_261_128);
  for (let round = 0; round < 2000; round++) {
    const client = new Client();
    client.send(0);
    client.send(1);
    const noise = Uint8Array.from({ length: 60 }, () => random.below(256));
    // Frames that are likely ones: short, of a known type, on a stream that may exist.
    noise[0] = 0;
    noise[1] = 0;
    noise[2] = random.below(30);
    noise[3] = random.below(11);
    noise.set([0, 0, 0, random.below(6)], 5);
    client.receive(settings(), noise);
    expect(client.session.busyCount).toBeGreaterThanOrEqual(0);
    expect(client.told.filter((each) => each.startsWith("broken")).length).toBeLessThanOrEqual(1);
  }
});

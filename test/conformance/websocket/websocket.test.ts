import { expect, test } from "bun:test";
import { Random } from "../../../src/base/mod.ts";
import {
  defaultWebSocketLimits,
  firstByte,
  Opcode,
  putClose,
  putFrame,
  violationCloseCode,
  type WebSocketEvents,
  WebSocketReader,
} from "../../../src/protocols/mod.ts";
import { type Case, webSocketCases } from "./cases.ts";
import { Transcript } from "./judge.ts";
import { ping } from "./raw.ts";

/** The codec as the server that cases are run against; `isPassing` reads as a gateway does, leaving the mask alone. */
class PureServer implements WebSocketEvents {
  readonly reader: WebSocketReader;
  readonly written: Buffer[] = [];
  private message: Buffer[] = [];
  private hasClosed = false;

  constructor() {
    this.reader = new WebSocketReader({
      isPeerClient: true,
      allowsDeflate: false,
      isUnmasking: true,
      limits: defaultWebSocketLimits,
    });
  }

  receive(bytes: Buffer): Buffer {
    this.written.length = 0;
    if (!this.hasClosed) this.reader.receive(bytes, 0, bytes.length, this);
    if (this.reader.violation !== 0 && !this.hasClosed) this.close(violationCloseCode(this.reader.violation));
    return Buffer.concat(this.written);
  }

  onMessage(opcode: number, _c: boolean, bytes: Uint8Array, from: number, to: number, isEnd: boolean): void {
    this.message.push(Buffer.from(bytes.subarray(from, to)));
    if (!isEnd) return;
    this.write(opcode, Buffer.concat(this.message));
    this.message = [];
  }

  onControl(opcode: number, payload: Uint8Array, length: number): void {
    if (opcode === Opcode.ping) this.write(Opcode.pong, payload.subarray(0, length));
  }

  onClose(code: number, payload: Uint8Array, length: number): void {
    this.hasClosed = true;
    if (length === 0) this.write(Opcode.close, payload.subarray(0, 0));
    else this.close(code);
  }

  private write(opcode: number, payload: Uint8Array): void {
    const frame = Buffer.alloc(payload.length + 14);
    const end = putFrame(frame, 0, firstByte(opcode, true, false), payload, 0, payload.length, false, 0);
    this.written.push(frame.subarray(0, end));
  }

  private close(code: number): void {
    this.hasClosed = true;
    const frame = Buffer.alloc(8);
    this.written.push(frame.subarray(0, putClose(frame, 0, code, false, 0)));
  }
}

function run(conformance: Case, cut: (bytes: Buffer) => Buffer[]): string {
  const server = new PureServer();
  const transcript = new Transcript();
  for (const step of [...conformance.steps, ping("the-last")]) {
    for (const piece of cut(Buffer.from(step))) transcript.take(server.receive(piece));
  }
  return transcript.judge(conformance);
}

/** What a gateway's reader, which unmasks nothing, makes of the case: its violation, and how far the bytes were right. */
function pass(conformance: Case, cut: (bytes: Buffer) => Buffer[]): readonly [number, number, boolean] {
  const limits = defaultWebSocketLimits;
  const reader = new WebSocketReader({ isPeerClient: true, allowsDeflate: false, isUnmasking: false, limits });
  const events: WebSocketEvents = { onMessage: () => {}, onControl: () => {}, onClose: () => {} };
  for (const piece of cut(Buffer.concat(conformance.steps))) {
    const before = Buffer.from(piece);
    const end = reader.receive(piece, 0, piece.length, events);
    expect(piece.equals(before)).toBe(true);
    if (reader.violation === 0 && !reader.isClosed) expect(end).toBe(piece.length);
  }
  return [reader.violation, reader.violation === 0 ? 0 : violationCloseCode(reader.violation), reader.isClosed];
}

const inOne = (bytes: Buffer): Buffer[] => [bytes];
const single = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));
const isShort = ({ steps }: Case): boolean => steps.reduce((sum, step) => sum + step.length, 0) < 4096;

test(`all ${webSocketCases.length} cases, of distinct names, end as the RFCs say`, () => {
  expect(new Set(webSocketCases.map(({ name }) => name)).size).toBe(webSocketCases.length);
  expect(webSocketCases.length).toBeGreaterThanOrEqual(200);
  const failed = webSocketCases.map((each) => [each.name, run(each, inOne)]).filter(([, wrong]) => wrong !== "");
  expect(failed).toEqual([]);
});

test("every case ends the same when its bytes come one by one, or cut in two at any place", () => {
  for (const each of webSocketCases.filter(isShort)) {
    expect([each.name, run(each, single)]).toEqual([each.name, ""]);
    for (let at = 1; at < 150; at++) {
      const inTwo = (bytes: Buffer): Buffer[] => [bytes.subarray(0, at), bytes.subarray(at)];
      const wrong = run(each, inTwo);
      if (wrong !== "") expect([each.name, at, wrong]).toEqual([each.name, at, ""]);
    }
  }
});

test("a reader that passes masked bytes on judges as one that unmasks them", () => {
  for (const each of webSocketCases) {
    const [violation, code, isClosed] = pass(each, inOne);
    const expected = each.expect.close;
    if (isClosed) expect([each.name, violation]).toEqual([each.name, 0]);
    else expect([each.name, code]).toEqual([each.name, expected ?? 0]);
    if (isShort(each)) expect([each.name, pass(each, single)]).toEqual([each.name, [violation, code, isClosed]]);
  }
});

test("mutated cases end the same however they are cut", () => {
  const count = Number(process.env["WEIR_MUTATIONS"] ?? 1_000_000);
  const random = new Random(Number(process.env["WEIR_SEED"] ?? 1));
  const sources = webSocketCases.filter(isShort).map(({ steps }) => Buffer.concat(steps));
  const limits = defaultWebSocketLimits;
  let log = "";
  const events: WebSocketEvents = {
    onMessage: (opcode, _c, _b, _f, _t, isEnd) => {
      if (isEnd) log += `m${opcode}`;
    },
    onControl: (opcode, _p, length) => {
      log += `c${opcode},${length}`;
    },
    onClose: (code) => {
      log += `x${code}`;
    },
  };
  const read = (pieces: readonly Buffer[], isUnmasking: boolean): string => {
    const reader = new WebSocketReader({ isPeerClient: true, allowsDeflate: true, isUnmasking, limits });
    log = "";
    for (const piece of pieces) reader.receive(piece, 0, piece.length, events);
    return `${log} ${reader.violation}`;
  };
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.from(sources[random.below(sources.length)]!);
    for (let changes = 1 + random.below(3); changes > 0; changes--)
      bytes[random.below(bytes.length)] = random.below(256);
    const whole = read([bytes], false);
    if (i % 8 !== 0) continue;
    const at = random.below(bytes.length);
    const cut = read([Buffer.from(bytes.subarray(0, at)), Buffer.from(bytes.subarray(at))], true);
    if (cut !== whole) expect({ i, at, cut, hex: bytes.toString("hex") }).toEqual({ i, at, cut: whole, hex: "" });
  }
}, 120_000);

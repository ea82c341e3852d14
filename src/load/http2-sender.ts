/**
 * @hot
 * What an HTTP/2 client writes: its beginning, requests in frames, and bodies as far as the server's windows let them.
 */
import { copyBytes } from "../base/mod.ts";
import {
  ErrorCode,
  Flag,
  FrameType,
  frameBytesDefault,
  frameBytesMax,
  frameHeadBytes,
  HpackEncoder,
  type Output,
  preface,
  putFrameHead,
  putUint32,
  readUint32,
  Setting,
  windowBytesDefault,
  windowBytesMax,
  writeNumberFrame,
} from "../protocols/mod.ts";
import type { Http2Request } from "./http2-request.ts";

const settingBytes = 6;

export class Http2Sender {
  /** How many streams the server allows at once. */
  streamsAllowed = Number.POSITIVE_INFINITY;
  private readonly output: Output;
  /** Field blocks are encoded here before they are cut into frames. */
  private readonly block: Output;
  private readonly encoder = new HpackEncoder();
  private window = windowBytesDefault;
  private windowInitial = windowBytesDefault;
  // By seat: the stream, its window, and what is left of a body that did not fit at once.
  private readonly ids: Int32Array;
  private readonly windows: Float64Array;
  private readonly rests: (Uint8Array | null)[];
  private readonly restAt: Float64Array;

  /** @param block scratch that several senders may share */
  constructor(seats: number, output: Output, block: Output) {
    this.output = output;
    this.block = block;
    this.ids = new Int32Array(seats);
    this.windows = new Float64Array(seats);
    this.rests = new Array<Uint8Array | null>(seats).fill(null);
    this.restAt = new Float64Array(seats);
  }

  /** Preface, SETTINGS, and the window of the connection. */
  begin(streamWindowBytes: number, connectionWindowBytes: number): void {
    const { output } = this;
    output.reserve(preface.length + frameHeadBytes + 2 * settingBytes);
    let at = copyBytes(preface, 0, preface.length, output.bytes, output.end);
    at = putFrameHead(output.bytes, at, 2 * settingBytes, FrameType.settings, 0, 0);
    at = putSetting(output.bytes, at, Setting.enablePush, 0);
    output.end = putSetting(output.bytes, at, Setting.initialWindowSize, streamWindowBytes);
    writeNumberFrame(output, FrameType.windowUpdate, 0, connectionWindowBytes - windowBytesDefault);
  }

  /** Writes a request on a new stream; sets its `length` to the bytes it takes. */
  request(seat: number, id: number, request: Http2Request): void {
    const { output } = this;
    const { start, end } = request.body;
    this.ids[seat] = id;
    this.windows[seat] = this.windowInitial;
    const before = output.positionOf(output.end);
    this.writeBlock(id, request, start === end);
    request.length = output.positionOf(output.end) - before + end - start;
    if (end > start) this.sendBody(seat, request.bytes, start, end, true);
  }

  /** An exchange has ended; whether its request was left unfinished. */
  release(seat: number): boolean {
    const wasUnfinished = this.rests[seat] !== null;
    this.rests[seat] = null;
    this.ids[seat] = 0;
    return wasUnfinished;
  }

  /** Takes the server's SETTINGS: an error code to end the connection with, or none. */
  applySettings(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at < to; at += settingBytes) {
      const code = this.applySetting((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2));
      if (code !== ErrorCode.noError) return code;
    }
    return ErrorCode.noError;
  }

  /** The connection's window grows: an error code or none. */
  grow(bytes: number): number {
    this.window += bytes;
    if (bytes === 0) return ErrorCode.protocolError;
    if (this.window > windowBytesMax) return ErrorCode.flowControlError;
    this.sendRests();
    return ErrorCode.noError;
  }

  /** A stream's window grows: an error code or none. */
  growStream(seat: number, bytes: number): number {
    this.windows[seat] = this.windows[seat]! + bytes;
    if (bytes === 0) return ErrorCode.protocolError;
    if (this.windows[seat]! > windowBytesMax) return ErrorCode.flowControlError;
    this.sendRest(seat);
    return ErrorCode.noError;
  }

  /** Windows have grown: bodies go on. */
  sendRests(): void {
    for (let seat = 0; seat < this.rests.length && this.window > 0; seat++) this.sendRest(seat);
  }

  /** Takes one setting (section 6.5.2): an error code or none. */
  private applySetting(id: number, value: number): number {
    switch (id) {
      case Setting.headerTableSize:
        this.encoder.allowTableBytes(value);
        return ErrorCode.noError;
      case Setting.enablePush:
        return value === 0 ? ErrorCode.noError : ErrorCode.protocolError;
      case Setting.maxConcurrentStreams:
        this.streamsAllowed = value;
        return ErrorCode.noError;
      case Setting.initialWindowSize:
        return this.changeWindows(value);
      case Setting.maxFrameSize:
        return value >= frameBytesDefault && value <= frameBytesMax ? ErrorCode.noError : ErrorCode.protocolError;
      default:
        return ErrorCode.noError;
    }
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE, which changes the windows of open streams too: an error code or none. */
  private changeWindows(value: number): number {
    if (value > windowBytesMax) return ErrorCode.flowControlError;
    const change = value - this.windowInitial;
    this.windowInitial = value;
    for (let seat = 0; seat < this.ids.length; seat++) {
      if (this.ids[seat] === 0) continue;
      this.windows[seat] = this.windows[seat]! + change;
      if (this.windows[seat]! > windowBytesMax) return ErrorCode.flowControlError;
    }
    return ErrorCode.noError;
  }

  private sendRest(seat: number): void {
    const rest = this.rests[seat]!;
    if (rest !== null) this.sendBody(seat, rest, this.restAt[seat]!, rest.length, false);
  }

  private writeBlock(id: number, request: Http2Request, isEnd: boolean): void {
    const { output, block } = this;
    request.encode(this.encoder, block);
    let from = block.start;
    let type: number = FrameType.headers;
    let flags = isEnd ? Flag.endStream : 0;
    do {
      const length = Math.min(frameBytesDefault, block.end - from);
      if (from + length === block.end) flags |= Flag.endHeaders;
      output.reserve(frameHeadBytes + length);
      const at = putFrameHead(output.bytes, output.end, length, type, flags, id);
      output.end = copyBytes(block.bytes, from, from + length, output.bytes, at);
      from += length;
      type = FrameType.continuation;
      flags = 0;
    } while (from < block.end);
    block.drain(block.end - block.start);
  }

  /** Sends as much of a body as the windows take; the rest is kept, once. */
  private sendBody(seat: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean): void {
    const { output } = this;
    let at = from;
    while (at < to) {
      const length = Math.min(to - at, frameBytesDefault, this.window, this.windows[seat]!);
      if (length <= 0) break;
      this.window -= length;
      this.windows[seat] = this.windows[seat]! - length;
      output.reserve(frameHeadBytes + length);
      const flags = at + length === to ? Flag.endStream : 0;
      const payload = putFrameHead(output.bytes, output.end, length, FrameType.data, flags, this.ids[seat]!);
      output.end = copyBytes(bytes, at, at + length, output.bytes, payload);
      at += length;
    }
    if (at === to) this.rests[seat] = null;
    else if (isFirst) this.keepRest(seat, bytes, at, to);
    else this.restAt[seat] = at;
  }

  /** A body that waits for the server, which is rare. @cold */
  private keepRest(seat: number, bytes: Uint8Array, from: number, to: number): void {
    this.rests[seat] = bytes.slice(from, to);
    this.restAt[seat] = 0;
  }
}

function putSetting(bytes: Uint8Array, at: number, id: number, value: number): number {
  bytes[at] = id >>> 8;
  bytes[at + 1] = id;
  putUint32(bytes, at + 2, value);
  return at + settingBytes;
}

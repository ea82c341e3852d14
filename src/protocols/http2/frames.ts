/**
 * @hot Frames of RFC 9113 §4 and §6: constants, reading the nine bytes in front of each, and writing every type.
 *
 *   +-----------------------------------------------+
 *   |                 Length (24)                   |
 *   +---------------+---------------+---------------+
 *   |   Type (8)    |   Flags (8)   |
 *   +-+-------------+---------------+-------------------------------+
 *   |R|                 Stream Identifier (31)                      |
 *   +=+=============================================================+
 *   |                   Frame Payload (0...)                      ...
 *   +---------------------------------------------------------------+
 */
import { copyBytes } from "../../base/mod.ts";
import type { Output } from "./output.ts";

export const FrameType = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

/** Flags; `ack` and `endStream` share a bit, on different frame types. */
export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const frameHeadBytes = 9;
/** The frame size every peer must accept (§4.2), and the largest there is. */
export const frameBytesDefault = 16_384;
export const frameBytesMax = 16_777_215;
/** Windows are 31 bits wide (§6.9.1). */
export const windowBytesDefault = 65_535;
export const windowBytesMax = 2_147_483_647;
export const streamIdMax = 2_147_483_647;

/** What a client sends first (§3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1") as Uint8Array;

export function frameLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** A 31-bit number; the reserved bit is ignored, as §4.1 asks. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a frame's head at `at`, where there is room; returns the offset of its payload. */
export function putFrameHead(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  putUint32(bytes, at + 5, streamId);
  return at + frameHeadBytes;
}

/** Appends a frame of any type with a payload taken from elsewhere. */
export function writeFrame(
  output: Output,
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
  from: number,
  to: number,
): void {
  output.reserve(frameHeadBytes + to - from);
  const at = putFrameHead(output.bytes, output.end, to - from, type, flags, streamId);
  output.end = copyBytes(payload, from, to, output.bytes, at);
}

/** Appends a frame whose payload is one 32-bit number: RST_STREAM and WINDOW_UPDATE. */
export function writeNumberFrame(output: Output, type: number, streamId: number, value: number): void {
  output.reserve(frameHeadBytes + 4);
  const at = putFrameHead(output.bytes, output.end, 4, type, 0, streamId);
  putUint32(output.bytes, at, value);
  output.end = at + 4;
}

export function writePing(output: Output, ack: boolean, payload: Uint8Array, from: number): void {
  writeFrame(output, FrameType.ping, ack ? Flag.ack : 0, 0, payload, from, from + 8);
}

/** Appends GOAWAY without debug data: a peer is told the code, the log the reason. */
export function writeGoaway(output: Output, lastStreamId: number, code: number): void {
  output.reserve(frameHeadBytes + 8);
  const at = putFrameHead(output.bytes, output.end, 8, FrameType.goaway, 0, 0);
  putUint32(output.bytes, at, lastStreamId);
  putUint32(output.bytes, at + 4, code);
  output.end = at + 8;
}

export function writeSettingsAck(output: Output): void {
  output.reserve(frameHeadBytes);
  output.end = putFrameHead(output.bytes, output.end, 0, FrameType.settings, Flag.ack, 0);
}

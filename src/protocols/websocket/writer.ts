/**
 * @hot Writes frames of WebSocket (RFC 6455 §5) into a buffer the caller has made large enough.
 */
import { copyBytes } from "../../base/mod.ts";
import { applyMask } from "./mask.ts";
import { Opcode } from "./reader.ts";

/** The most a frame has besides its payload. */
export const frameHeadBytesMax = 14;

/**
 * Writes a frame's head at `at`; returns the offset of its payload.
 *
 * @param first the frame's first byte: FIN, reserved bits and opcode, see `firstByte`
 * @param key masks the payload, in the order of `readKey`; negative numbers are keys too. Only looked at where `isMasked`
 */
export function putHead(
  bytes: Uint8Array,
  at: number,
  first: number,
  length: number,
  isMasked: boolean,
  key: number,
): number {
  const mask = isMasked ? 0x80 : 0;
  let end = at;
  bytes[end++] = first;
  if (length < 126) bytes[end++] = mask | length;
  else if (length < 65_536) {
    bytes[end++] = mask | 126;
    bytes[end++] = length >>> 8;
    bytes[end++] = length;
  } else {
    bytes[end++] = mask | 127;
    const high = Math.floor(length / 4_294_967_296);
    for (let shift = 24; shift >= 0; shift -= 8) bytes[end++] = high >>> shift;
    for (let shift = 24; shift >= 0; shift -= 8) bytes[end++] = length >>> shift;
  }
  if (isMasked) for (let shift = 0; shift < 32; shift += 8) bytes[end++] = key >>> shift;
  return end;
}

/** FIN, RSV1 (a compressed message, RFC 7692 §6) and opcode. */
export function firstByte(opcode: number, isFinal: boolean, isCompressed: boolean): number {
  return (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode;
}

/** A whole frame with the payload `source[from, to)`; returns its end. A server passes `isMasked` false. */
export function putFrame(
  bytes: Uint8Array,
  at: number,
  first: number,
  source: Uint8Array,
  from: number,
  to: number,
  isMasked: boolean,
  key: number,
): number {
  const payload = putHead(bytes, at, first, to - from, isMasked, key);
  const end = copyBytes(source, from, to, bytes, payload);
  if (isMasked) applyMask(bytes, payload, end, key, 0);
  return end;
}

/** A close frame without a reason; needs 8 bytes. */
export function putClose(bytes: Uint8Array, at: number, code: number, isMasked: boolean, key: number): number {
  const payload = putHead(bytes, at, firstByte(Opcode.close, true, false), 2, isMasked, key);
  bytes[payload] = code >>> 8;
  bytes[payload + 1] = code;
  if (isMasked) applyMask(bytes, payload, payload + 2, key, 0);
  return payload + 2;
}

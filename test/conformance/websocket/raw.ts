/** Frames as a misbehaving client writes them: bytes put together by hand, without the code they are to test. */

export const Op = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const defaultKey = Buffer.from("37fa213d", "hex");

export interface FrameOptions {
  readonly isFinal?: boolean;
  /** RSV1 to RSV3 as bits 4, 2, 1. */
  readonly reserved?: number;
  /** `null`: not masked. */
  readonly key?: Buffer | null;
  /** How the length is written: 7, 16 or 64 bits; the shortest by default. */
  readonly lengthBits?: 7 | 16 | 64;
  /** The length that is written, where it is not the payload's. */
  readonly length?: number;
}

export function bytesOf(payload: string | Uint8Array): Buffer {
  return typeof payload === "string" ? Buffer.from(payload, "utf8") : Buffer.from(payload);
}

export function frame(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  const body = bytesOf(payload);
  const { isFinal = true, reserved = 0, key = defaultKey } = options;
  const length = options.length ?? body.length;
  const bits = options.lengthBits ?? (length < 126 ? 7 : length < 65_536 ? 16 : 64);
  const mask = key === null ? 0 : 0x80;
  const head = [(isFinal ? 0x80 : 0) | (reserved << 4) | opcode];
  if (bits === 7) head.push(mask | length);
  else if (bits === 16) head.push(mask | 126, length >> 8, length & 255);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(mask | 127, ...wide);
  }
  if (key === null) return Buffer.concat([Buffer.from(head), body]);
  return Buffer.concat([Buffer.from(head), key, body.map((byte, index) => byte ^ key[index & 3]!)]);
}

export const text = (payload: string | Uint8Array, options: FrameOptions = {}): Buffer =>
  frame(Op.text, payload, options);
export const binary = (payload: string | Uint8Array, options: FrameOptions = {}): Buffer =>
  frame(Op.binary, payload, options);
export const more = (payload: string | Uint8Array, isFinal: boolean, options: FrameOptions = {}): Buffer =>
  frame(Op.more, payload, { ...options, isFinal });
export const first = (opcode: number, payload: string | Uint8Array): Buffer =>
  frame(opcode, payload, { isFinal: false });
export const ping = (payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer =>
  frame(Op.ping, payload, options);
export const pong = (payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer =>
  frame(Op.pong, payload, options);

/** A close frame; without a code an empty one. */
export function close(code?: number, reason: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  if (code === undefined) return frame(Op.close, "", options);
  return frame(Op.close, Buffer.concat([Buffer.from([code >> 8, code & 255]), bytesOf(reason)]), options);
}

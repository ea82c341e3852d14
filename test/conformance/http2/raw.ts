/**
 * Frames as a misbehaving client writes them: bytes put together by hand, without the code they are to test.
 */

export const Type = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const F = { none: 0, end: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export type Fields = readonly (readonly [name: string, value: string])[];

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array | string = ""): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId >>> 0, 5);
  return Buffer.concat([head, body]);
}

/** A field block of literals that enter no table. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** A string literal of HPACK without Huffman. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(0, 7, bytes.length), bytes]);
}

export function integer(first: number, prefixBits: number, value: number): Buffer {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) return Buffer.from([first | value]);
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

export const get: Fields = [
  [":method", "GET"],
  [":scheme", "http"],
  [":authority", "a.example"],
  [":path", "/"],
];
export const post: Fields = [[":method", "POST"], ...get.slice(1, 3), [":path", "/echo"]];

/** HEADERS with a whole block; ends the stream unless `flags` say otherwise. */
export function headers(streamId: number, fields: Fields | Buffer = get, flags: number = F.end | F.endHeaders): Buffer {
  return frame(Type.headers, flags, streamId, Buffer.isBuffer(fields) ? fields : block(fields));
}

export function open(streamId: number, fields: Fields = post): Buffer {
  return headers(streamId, fields, F.endHeaders);
}

export function continuation(streamId: number, payload: Uint8Array | string, flags: number = F.endHeaders): Buffer {
  return frame(Type.continuation, flags, streamId, payload);
}

export function data(streamId: number, payload: Uint8Array | string = "", flags: number = F.end): Buffer {
  return frame(Type.data, flags, streamId, payload);
}

export function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  return frame(
    Type.settings,
    0,
    0,
    Buffer.concat(values.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]))),
  );
}

export function settingsAck(): Buffer {
  return frame(Type.settings, F.ack, 0);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(Type.window, 0, streamId, uint32(increment));
}

export function rst(streamId: number, code = 8): Buffer {
  return frame(Type.rst, 0, streamId, uint32(code));
}

export function ping(payload = "12345678", flags = 0): Buffer {
  return frame(Type.ping, flags, 0, payload);
}

export function goaway(lastStreamId: number, code = 0, debug = ""): Buffer {
  return frame(Type.goaway, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug)]));
}

export function repeat(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

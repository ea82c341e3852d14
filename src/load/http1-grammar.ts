/**
 * @hot
 * The small words of HTTP/1.1 that the generator's reader needs: which bytes may stand in a field's name, and the names of
 * the fields that frame an answer.
 */

/** 1 for the characters of a field name (RFC 9110 section 5.6.2). */
export const isTokenByte = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  isTokenByte[character.charCodeAt(0)] = 1;
}
export const contentLengthName = new Uint8Array(Array.from("content-length", (c) => c.charCodeAt(0)));
export const transferEncodingName = new Uint8Array(Array.from("transfer-encoding", (c) => c.charCodeAt(0)));
export const connectionName = new Uint8Array(Array.from("connection", (c) => c.charCodeAt(0)));

export function isName(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!;
    if (byte !== name[i] && (byte | 32) !== name[i]) return false;
  }
  return true;
}

export function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9;
}

export function endsWithChunked(bytes: Uint8Array, start: number, end: number): boolean {
  let last = end;
  while (last > start && isBlank(bytes[last - 1]!)) last--;
  if (last - start < 7) return false;
  return (
    (bytes[last - 7]! | 32) === 99 &&
    (bytes[last - 6]! | 32) === 104 &&
    (bytes[last - 5]! | 32) === 117 &&
    (bytes[last - 4]! | 32) === 110 &&
    (bytes[last - 3]! | 32) === 107 &&
    (bytes[last - 2]! | 32) === 101 &&
    (bytes[last - 1]! | 32) === 100
  );
}

export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

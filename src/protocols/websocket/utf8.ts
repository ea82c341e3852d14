/**
 * @hot UTF-8 checked as it comes (RFC 3629), masked or not, over any number of pieces.
 *
 * The state machine is Bjoern Hoehrmann's (2009): a class for every byte, a state for what may follow. Runs of ASCII, which is
 * nearly everything, are passed four bytes at a time.
 */

/** The text so far is whole, and may end here. */
export const utf8Whole = 0;
/** The text is not UTF-8, whatever follows. */
export const utf8Broken = 12;

const classes = new Uint8Array(256);
for (let byte = 0x80; byte < 0x100; byte++) classes[byte] = classOf(byte);

/** By state (a multiple of 12) plus class. */
const transitions = Uint8Array.from([
  0, 12, 24, 36, 60, 96, 84, 12, 12, 12, 48, 72, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 0, 12, 12, 12, 12,
  12, 0, 12, 0, 12, 12, 12, 24, 12, 12, 12, 12, 12, 24, 12, 24, 12, 12, 12, 12, 12, 12, 12, 12, 12, 24, 12, 12, 12, 12,
  12, 24, 12, 12, 12, 12, 12, 12, 12, 24, 12, 12, 12, 12, 12, 12, 12, 12, 12, 36, 12, 36, 12, 12, 12, 36, 12, 12, 12,
  12, 12, 36, 12, 36, 12, 12, 12, 36, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
]);

function classOf(byte: number): number {
  if (byte < 0x90) return 1;
  if (byte < 0xa0) return 9;
  if (byte < 0xc0) return 7;
  if (byte < 0xc2) return 8;
  if (byte < 0xe0) return 2;
  if (byte === 0xe0) return 10;
  if (byte === 0xed) return 4;
  if (byte < 0xf0) return 3;
  if (byte === 0xf0) return 11;
  if (byte < 0xf4) return 6;
  return byte === 0xf4 ? 5 : 8;
}

/** Goes on from `state` with `bytes[from, to)`; returns the new state. */
export function checkUtf8(state: number, bytes: Uint8Array, from: number, to: number): number {
  let now = state;
  let at = from;
  while (at < to) {
    if (now === utf8Whole) {
      while (at + 4 <= to && (bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]!) < 0x80) at += 4;
      if (at === to) break;
    }
    now = transitions[now + classes[bytes[at++]!]!]!;
    if (now === utf8Broken) return now;
  }
  return now;
}

/** The same for text that is masked with `key`, of whose payload `position` bytes came before `from`. */
export function checkMaskedUtf8(
  state: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  key: number,
  position: number,
): number {
  // Turned so that the key's first byte belongs to `from`.
  const turn = 8 * (position & 3);
  const turned = turn === 0 ? key : (key >>> turn) | (key << (32 - turn));
  const key0 = turned & 0xff;
  const key1 = (turned >>> 8) & 0xff;
  const key2 = (turned >>> 16) & 0xff;
  const key3 = turned >>> 24;
  let now = state;
  let at = from;
  while (at < to) {
    if (now === utf8Whole && ((at - from) & 3) === 0) {
      while (
        at + 4 <= to &&
        ((bytes[at]! ^ key0) | (bytes[at + 1]! ^ key1) | (bytes[at + 2]! ^ key2) | (bytes[at + 3]! ^ key3)) < 0x80
      ) {
        at += 4;
      }
      if (at === to) break;
    }
    const byte = (bytes[at]! ^ (turned >>> (8 * ((at - from) & 3)))) & 0xff;
    at++;
    now = transitions[now + classes[byte]!]!;
    if (now === utf8Broken) return now;
  }
  return now;
}

/** @hot
 * Two 32-bit hashes of a key in one pass, for tables that keep a tag of their keys: one chooses the place, the other is the
 * tag. Mixing as in MurmurHash3 (Appleby), four bytes at a time, with a seed that clients do not know, so that nobody
 * can aim keys at one place. Not for secrets or signatures.
 */

export class KeyHash {
  /** Chooses the place. */
  place = 0;
  /** Never 0, so that 0 can mean an empty place. */
  tag = 1;
  private readonly seed: number;

  constructor(seed: number) {
    this.seed = seed | 0;
  }

  /** Hashes `bytes[from, to)` together with `space`, a number that keeps equal keys of different tables apart. */
  ofBytes(bytes: Uint8Array, from: number, to: number, space = 0): void {
    let a = this.seed ^ space;
    let b = Math.imul(this.seed, 0x85ebca6b) ^ (to - from);
    let offset = from;
    for (; offset + 4 <= to; offset += 4) {
      const word = bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24);
      a = mix(a, word);
      b = mix(b, word ^ a);
    }
    let rest = to - from;
    for (; offset < to; offset++) rest = (rest << 8) ^ bytes[offset]!;
    a = mix(a, rest);
    this.finish(a, mix(b, rest ^ a));
  }

  /** The same for a text of characters below 65,536, such as an address or an identity. */
  ofText(text: string, space = 0): void {
    let a = this.seed ^ space;
    let b = Math.imul(this.seed, 0x85ebca6b) ^ text.length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      a = mix(a, code);
      b = mix(b, code ^ a);
    }
    this.finish(a, b);
  }

  private finish(a: number, b: number): void {
    this.place = avalanche(a);
    const tag = avalanche(b);
    this.tag = tag === 0 ? 1 : tag;
  }
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function avalanche(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

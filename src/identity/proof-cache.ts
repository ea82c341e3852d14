/** @hot
 * Proofs that were verified, by their bytes: a token costs its signature once, and then a hash and a comparison. All bytes
 * are compared, so that a collision of hashes proves nothing.
 *
 * Limits: a fixed number of proofs of at most 8 KiB; a set of four, of which the one used longest ago gives way.
 */
import { KeyHash } from "../base/mod.ts";
import type { Identity } from "./identity.ts";

const ways = 4;
export const proofBytesMax = 8192;

export class ProofCache {
  private readonly hash: KeyHash;
  private readonly mask: number;
  private readonly tags: Int32Array;
  private readonly uses: Float64Array;
  private readonly proofs: (Buffer | null)[];
  private readonly identities: (Identity | null)[];
  private turn = 0;

  constructor(proofsMax: number, seed: number) {
    this.hash = new KeyHash(seed);
    const sets = 2 ** Math.ceil(Math.log2(Math.max(ways, proofsMax) / ways));
    this.mask = sets - 1;
    this.tags = new Int32Array(sets * ways);
    this.uses = new Float64Array(sets * ways);
    this.proofs = new Array<Buffer | null>(sets * ways).fill(null);
    this.identities = new Array<Identity | null>(sets * ways).fill(null);
  }

  /** The identity that `bytes[from, to)` proves, or null when it is not known. */
  find(bytes: Uint8Array, from: number, to: number): Identity | null {
    this.hash.ofBytes(bytes, from, to);
    const first = (this.hash.place & this.mask) * ways;
    for (let at = first; at < first + ways; at++) {
      if (this.tags[at] !== this.hash.tag) continue;
      const proof = this.proofs[at] as Buffer;
      if (proof.length !== to - from || proof.compare(bytes, from, to) !== 0) continue;
      this.uses[at] = ++this.turn;
      return this.identities[at] as Identity;
    }
    return null;
  }

  /** Remembers what `proof` proves. @cold */
  add(proof: Buffer, identity: Identity): void {
    if (proof.length > proofBytesMax) return;
    this.hash.ofBytes(proof, 0, proof.length);
    const first = (this.hash.place & this.mask) * ways;
    let oldest = first;
    for (let at = first; at < first + ways; at++) {
      if (this.tags[at] === this.hash.tag && this.proofs[at]?.equals(proof) === true) oldest = at;
      else if (this.uses[at]! < this.uses[oldest]!) oldest = at;
    }
    this.tags[oldest] = this.hash.tag;
    this.uses[oldest] = ++this.turn;
    this.proofs[oldest] = Buffer.from(proof);
    this.identities[oldest] = identity;
  }

  /** Forgets everything, as when keys were changed. @cold */
  clear(): void {
    this.tags.fill(0);
    this.uses.fill(0);
    this.proofs.fill(null);
    this.identities.fill(null);
  }
}

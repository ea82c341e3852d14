/** Keys in a field. Only their SHA-256 is configured, so whoever reads the file cannot use them. */
import { type Identity, makeIdentity } from "./identity.ts";
import { ProofCache, proofBytesMax } from "./proof-cache.ts";
import { keyLines } from "./signature.ts";

const digest = Buffer.alloc(32);

export class ApiKeys {
  /** Lower case. */
  readonly field: Uint8Array;
  private readonly identities = new Map<string, Identity>();
  private readonly cache: ProofCache;

  /** @param lines of `<id> <SHA-256 in hexadecimal>` */
  constructor(name: string, field: string, lines: string, seed: number) {
    this.field = Buffer.from(field, "latin1");
    for (const [id, hash] of keyLines(lines)) {
      this.identities.set(hash.toLowerCase(), makeIdentity(name, id, { sub: id }));
    }
    this.cache = new ProofCache(this.identities.size * 2, seed);
  }

  /** The identity of the key in `bytes[from, to)`, or null. */
  find(bytes: Uint8Array, from: number, to: number): Identity | null {
    const known = this.cache.find(bytes, from, to);
    if (known !== null || to - from > proofBytesMax) return known;
    const key = Buffer.from(bytes.subarray(from, to));
    Bun.SHA256.hash(key, digest);
    const found = this.identities.get(digest.toString("hex")) ?? null;
    if (found !== null) this.cache.add(key, found);
    return found;
  }
}

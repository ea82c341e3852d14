/**
 * The only door through which chance enters. Every randomised run prints its seed and can be replayed with it.
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand), seeded by splitmix32: fast, 128 bits of state, not for secrets.
 */

export class Random {
  readonly seed: number;
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** @param seed any 32-bit integer; equal seeds give equal sequences */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    let state = this.seed;
    const splitmix = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = splitmix();
    this.b = splitmix();
    this.c = splitmix();
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A generator whose 96 bits of state come from the operating system, so that no two processes share a sequence. */
  static fromSystem(): Random {
    const random = new Random(0);
    const state = crypto.getRandomValues(new Int32Array(3));
    random.a = state[0]!;
    random.b = state[1]!;
    random.c = state[2]!;
    for (let i = 0; i < 12; i++) random.uint32();
    return random;
  }

  /** A uniform integer in [0, 2^32). */
  uint32(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A uniform number in [0, 1). */
  unit(): number {
    return this.uint32() / 4294967296;
  }

  /** A uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** An exponentially distributed number with the given mean: the gaps of a Poisson process. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }
}

/** A seed from the operating system, for runs that were not given one. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

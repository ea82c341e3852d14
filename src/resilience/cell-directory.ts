/**
 * Names for the shared cells: every worker asks for its policies' cells by name and all get the same ones, whoever asks
 * first, across reloads and generations. Nothing is ever given back, because an old generation may still use it.
 *
 *     upper half of the cells   | used | ... | name 0 | at 0 | name 1 | at 1 | ... | space ------------> |
 *                               |<- 16 cells->|<------------- 2,032 cells -------->|
 *
 * A name is its 32-bit hash; it claims a place by compare-and-swap and then, in the same way, the space it was given. A
 * worker that dies in between leaves a claim that the next one completes. The lower half is the supervisor's.
 */
import { KeyHash, WeirError } from "../base/mod.ts";

const headCells = 16;
const directoryCells = 2048;
/** Fewer cells than this cannot hold a directory. */
export const directoryCellsMin = 4 * directoryCells;
const lineCells = 16;
const spinsMax = 1000;

export class CellDirectory {
  readonly cells: Int32Array;
  private readonly start: number;
  private readonly hash = new KeyHash(0x7765_6972);

  constructor(cells: Int32Array) {
    // A worker without a large enough segment keeps its policies to itself.
    this.cells = cells.length >= directoryCellsMin ? cells : new Int32Array(65_536);
    this.start = this.cells.length >>> 1;
  }

  /** Index of the first of `count` neighbouring cells of this name, zero when they are new. @cold */
  take(name: string, count: number): number {
    const entry = this.entryOf(`${name}\n${count}`);
    const found = this.waitFor(entry + 1);
    if (found !== 0) return found - 1;
    const at = this.reserve(name, count);
    const before = Atomics.compareExchange(this.cells, entry + 1, 0, at + 1);
    return before === 0 ? at : before - 1;
  }

  /** As `take` for whoever only reads: -1 where no worker has asked for the name. @cold */
  find(name: string, count: number): number {
    this.hash.ofText(`${name}\n${count}`);
    for (let at = this.start + headCells; at < this.start + directoryCells; at += 2) {
      const held = Atomics.load(this.cells, at);
      if (held === 0) return -1;
      if (held === this.hash.tag) return Atomics.load(this.cells, at + 1) - 1;
    }
    return -1;
  }

  private entryOf(name: string): number {
    this.hash.ofText(name);
    const { tag } = this.hash;
    for (let at = this.start + headCells; at < this.start + directoryCells; at += 2) {
      const held = Atomics.compareExchange(this.cells, at, 0, tag);
      if (held === 0 || held === tag) return at;
    }
    throw full(name);
  }

  /** Whoever claimed the name a moment ago is about to say where its cells are. */
  private waitFor(at: number): number {
    for (let spin = 0; spin < spinsMax; spin++) {
      const found = Atomics.load(this.cells, at);
      if (found !== 0) return found;
    }
    return 0;
  }

  private reserve(name: string, count: number): number {
    const taken = Math.ceil(count / lineCells) * lineCells;
    const at = this.start + directoryCells + Atomics.add(this.cells, this.start, taken);
    if (at + taken <= this.cells.length) return at;
    Atomics.sub(this.cells, this.start, taken);
    throw full(name);
  }
}

function full(name: string): WeirError {
  return new WeirError("resilience.cells-full", `there is no shared memory left for ${name}`, {
    hint: "configure fewer or smaller rate limits by key and nonce tables, or restart the supervisor to forget old names",
  });
}

/** What a server has sent back, read into facts, and whether they are what a case expects. */
import type { Case } from "./cases.ts";
import { Op } from "./raw.ts";

/** Reads a server's frames, which are not masked, as they come. */
export class Transcript {
  readonly echoes: [opcode: number, payload: Buffer][] = [];
  readonly pongs: Buffer[] = [];
  /** The code of the close frame that came; 1005 where it had none, -1 before. */
  closeCode = -1;
  private waiting = Buffer.alloc(0);
  private message: [opcode: number, pieces: Buffer[]] | undefined;

  take(bytes: Uint8Array): void {
    this.waiting = Buffer.concat([this.waiting, bytes]);
    while (this.waiting.length >= 2) {
      const short = this.waiting[1]!;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.waiting.length < head) return;
      const length =
        short < 126 ? short : short === 126 ? this.waiting.readUInt16BE(2) : Number(this.waiting.readBigUInt64BE(2));
      if (this.waiting.length < head + length) return;
      this.frame(this.waiting[0]!, this.waiting.subarray(head, head + length));
      this.waiting = this.waiting.subarray(head + length);
    }
  }

  private frame(first: number, payload: Buffer): void {
    const opcode = first & 15;
    if (opcode === Op.pong) this.pongs.push(payload);
    else if (opcode === Op.close) this.closeCode = payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    else if (opcode <= Op.binary) {
      if (opcode !== Op.more) this.message = [opcode, []];
      this.message![1].push(payload);
      if (first < 0x80) return;
      this.echoes.push([this.message![0], Buffer.concat(this.message![1])]);
      this.message = undefined;
    }
  }

  /** Empty when this is what the case expects, its steps having been followed by a ping `the-last`. */
  judge({ expect }: Case): string {
    const isAlive = this.pongs.at(-1)?.toString() === "the-last";
    if (expect.close === undefined && !isAlive) return `the connection was closed with ${this.closeCode}`;
    if (expect.close !== undefined && this.closeCode !== expect.close) return `close code ${this.closeCode}`;
    if (expect.close !== undefined && isAlive) return "the connection lives";
    const pongs = isAlive ? this.pongs.slice(0, -1) : this.pongs;
    if (expect.pongs !== undefined && !isEqual(pongs, expect.pongs)) return `${pongs.length} other pongs`;
    if (expect.echoes === undefined) return "";
    const isSame =
      isEqual(
        this.echoes.map(([, payload]) => payload),
        expect.echoes.map(([, payload]) => payload),
      ) && this.echoes.every(([opcode], index) => opcode === expect.echoes![index]![0]);
    return isSame ? "" : `${this.echoes.length} other echoes`;
  }
}

function isEqual(left: readonly Buffer[], right: readonly Buffer[]): boolean {
  return left.length === right.length && left.every((each, index) => each.equals(right[index]!));
}

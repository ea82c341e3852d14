/**
 * Mutations of messages: bytes changed, dropped, put in, ranges repeated, lines moved, words of the grammar inserted, two
 * messages joined. One to four of them at a time, so that many results stay close to what a lenient reader would accept.
 */
import type { Random } from "../../../src/base/mod.ts";

const MESSAGE_BYTES_MAX = 2_048;

/** Pieces that matter to readers of HTTP/1.1. */
const words = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  '"',
  "%",
  "%0a",
  "\x7f",
  "\x80",
  "\xff",
  "\x0b",
  "0",
  "\r\n\r\n",
  "\r\n ",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "content-length:+5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "transfer-encoding:\tchunked \r\n",
  "Host: b\r\n",
  "Connection: close\r\n",
  "Connection: host, x-a\r\n",
  "Connection: upgrade\r\n",
  "Upgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
  "X-A: b\r\n",
  "TE: trailers\r\n",
  "chunked",
  ", chunked",
  "identity",
  "HTTP/1.1",
  "HTTP/1.0",
  " HTTP/1.1\r\n",
  "GET ",
  "http://c:80",
  "https://",
  "[::1]",
  "[v1.a]",
  "@",
  "#",
  "?",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  "00000000000005",
  ';a="b\\""',
  ";a",
  "0x5",
  "ffffffffffff",
].map((word) => new Uint8Array(Buffer.from(word, "latin1")));

export class Mutator {
  private readonly seeds: readonly Uint8Array[];
  private readonly random: Random;
  private bytes = new Uint8Array(MESSAGE_BYTES_MAX * 2);
  private length = 0;

  constructor(seeds: readonly string[], random: Random) {
    this.seeds = seeds.map((seed) => new Uint8Array(Buffer.from(seed, "latin1")));
    this.random = random;
  }

  /** The next message; its bytes are its own. */
  next(): Uint8Array {
    const { random } = this;
    const seed = this.pick(this.seeds);
    this.bytes.set(seed);
    this.length = seed.length;
    for (let left = 1 + random.below(4); left > 0; left--) this.mutate();
    return this.bytes.slice(0, Math.min(this.length, MESSAGE_BYTES_MAX));
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]!;
  }

  private mutate(): void {
    const { random, bytes } = this;
    const at = random.below(this.length + 1);
    switch (random.below(9)) {
      case 0:
        if (at < this.length) bytes[at] = random.below(256);
        break;
      case 1:
        if (at < this.length) bytes[at] = bytes[at]! ^ (1 << random.below(8));
        break;
      case 2:
        this.remove(at, Math.min(this.length, at + 1 + random.below(3)));
        break;
      case 3:
      case 4:
      case 5:
        this.insert(at, this.pick(words));
        break;
      case 6:
        this.insert(random.below(this.length + 1), bytes.slice(at, Math.min(this.length, at + random.below(40))));
        break;
      case 7:
        this.insertAtLine(this.pick(words));
        break;
      default:
        this.insertAtLine(this.lineOf(this.pick(this.seeds)));
    }
  }

  private remove(from: number, to: number): void {
    this.bytes.copyWithin(from, to, this.length);
    this.length -= to - from;
  }

  private insert(at: number, piece: Uint8Array): void {
    if (this.length + piece.length > MESSAGE_BYTES_MAX) return;
    this.bytes.copyWithin(at + piece.length, at, this.length);
    this.bytes.set(piece, at);
    this.length += piece.length;
  }

  /** At the start of a random line, which is where whole fields do most harm. */
  private insertAtLine(piece: Uint8Array): void {
    const found = this.bytes.indexOf(0x0a, this.random.below(this.length + 1));
    if (found >= 0 && found < this.length) this.insert(found + 1, piece);
  }

  private lineOf(message: Uint8Array): Uint8Array {
    const start = message.indexOf(0x0a, this.random.below(message.length)) + 1;
    const end = message.indexOf(0x0a, start);
    return message.slice(start, end < 0 ? message.length : end + 1);
  }
}

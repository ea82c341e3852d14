/** What a server has sent, read into facts, and whether they are what a case expects. */
import { FieldList, HpackDecoder } from "../../../src/protocols/mod.ts";
import type { Case } from "./case.ts";
import { F, Type } from "./raw.ts";

interface Answer {
  status: number;
  bytes: number;
  isEnded: boolean;
}

/** Reads a server's frames as they come. */
export class Transcript {
  readonly answers = new Map<number, Answer>();
  readonly resets = new Map<number, number>();
  goawayCode = -1;
  pongs = 0;
  settings = 0;
  private waiting = Buffer.alloc(0);
  private readonly decoder = new HpackDecoder();
  private readonly list = new FieldList(100, 32_768);

  take(bytes: Uint8Array): void {
    this.waiting = Buffer.concat([this.waiting, bytes]);
    while (this.waiting.length >= 9) {
      const length = this.waiting.readUIntBE(0, 3);
      if (this.waiting.length < 9 + length) return;
      const id = this.waiting.readUInt32BE(5) & 0x7fff_ffff;
      this.frame(this.waiting[3]!, this.waiting[4]!, id, this.waiting.subarray(9, 9 + length));
      this.waiting = this.waiting.subarray(9 + length);
    }
  }

  private frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === Type.headers) this.answer(id, flags, payload);
    else if (type === Type.data) {
      const answer = this.answers.get(id)!;
      answer.bytes += payload.length;
      answer.isEnded = (flags & F.end) !== 0;
    } else if (type === Type.rst) this.resets.set(id, payload.readUInt32BE(0));
    else if (type === Type.goaway) this.goawayCode = payload.readUInt32BE(4);
    else if (type === Type.ping && (flags & F.ack) !== 0) this.pongs += 1;
    else if (type === Type.settings && (flags & F.ack) === 0) this.settings += 1;
  }

  private answer(id: number, flags: number, payload: Buffer): void {
    if (!this.decoder.decode(payload, 0, payload.length, this.list)) throw new Error("the answer cannot be decoded");
    const { bytes, valueStart, valueEnd } = this.list;
    const status = Number(Buffer.from(bytes.subarray(valueStart[0]!, valueEnd[0]!)).toString());
    if (status >= 200) this.answers.set(id, { status, bytes: 0, isEnded: (flags & F.end) !== 0 });
  }
}

/** Empty when the transcript is what the case expects; else what is wrong. `isAlive`: a PING at the end came back. */
export function judge(test: Case, transcript: Transcript, isAlive: boolean): string {
  const { expect } = test;
  if ("connection" in expect) {
    if (isAlive) return "the connection lives";
    return expect.connection.includes(transcript.goawayCode) ? "" : `GOAWAY code ${transcript.goawayCode}`;
  }
  if (!isAlive) return `the connection ended with GOAWAY code ${transcript.goawayCode}`;
  if ("reset" in expect) {
    const code = transcript.resets.get(expect.reset);
    return code !== undefined && expect.codes.includes(code) ? "" : `RST_STREAM code ${code}`;
  }
  if (!("answers" in expect)) return "";
  for (const [id, wanted] of Object.entries(expect.answers)) {
    const answer = transcript.answers.get(Number(id));
    if (answer === undefined) return `stream ${id} was not answered, reset ${transcript.resets.get(Number(id))}`;
    if (!answer.isEnded) return `the answer on stream ${id} has no end after ${answer.bytes} bytes`;
    if (wanted.status !== undefined && answer.status !== wanted.status) return `status ${answer.status}`;
    if (wanted.bytes !== undefined && answer.bytes !== wanted.bytes) return `${answer.bytes} bytes`;
  }
  return "";
}

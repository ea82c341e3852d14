/**
 * @hot
 * The exchanges of one HTTP/2 connection: a fixed number of seats, so that nothing is allocated for an exchange, and the way
 * from a stream's id to its seat.
 */
import type { Http2Request } from "./http2-request.ts";
import type { AnswerInspector } from "./protocol-client.ts";

export class Http2Seats {
  busyCount = 0;
  readonly count: number;
  /** The stream on a seat, 0 for none. */
  readonly ids: Int32Array;
  /** Of the answer: its status so far, its bytes with frames, those of its body, and those it spoke of (-1: it did not). */
  readonly statuses: Int32Array;
  readonly receivedBytes: Float64Array;
  readonly bodyBytes: Float64Array;
  readonly bodyBytesDue: Float64Array;
  /** What the server may still send on the stream. */
  readonly receiveWindows: Float64Array;
  /** How many chunks had come from the server when the request was sent. */
  readonly chunksBefore: Float64Array;
  readonly inspectors: (AnswerInspector | null)[];
  private readonly expectsNoBody: Uint8Array;
  private readonly seatOf = new Map<number, number>();

  constructor(count: number) {
    this.count = count;
    this.ids = new Int32Array(count);
    this.statuses = new Int32Array(count);
    this.receivedBytes = new Float64Array(count);
    this.bodyBytes = new Float64Array(count);
    this.bodyBytesDue = new Float64Array(count);
    this.receiveWindows = new Float64Array(count);
    this.chunksBefore = new Float64Array(count);
    this.expectsNoBody = new Uint8Array(count);
    this.inspectors = new Array<AnswerInspector | null>(count).fill(null);
  }

  /** Puts a stream on a free seat. */
  take(seat: number, id: number, request: Http2Request, receiveWindow: number, chunksBefore: number): void {
    this.seatOf.set(id, seat);
    this.busyCount++;
    this.ids[seat] = id;
    this.statuses[seat] = 0;
    this.receivedBytes[seat] = 0;
    this.bodyBytes[seat] = 0;
    this.bodyBytesDue[seat] = -1;
    this.receiveWindows[seat] = receiveWindow;
    this.chunksBefore[seat] = chunksBefore;
    this.expectsNoBody[seat] = request.expectsNoBody ? 1 : 0;
    this.inspectors[seat] = request.inspector;
    if (request.inspector !== null) request.inspector.begin();
  }

  release(seat: number): void {
    this.seatOf.delete(this.ids[seat]!);
    this.ids[seat] = 0;
    this.busyCount--;
  }

  /** The seat of a stream, -1 where it has ended. */
  find(id: number): number {
    return this.seatOf.get(id) ?? -1;
  }

  noteReceived(seat: number, bytes: number): void {
    this.receivedBytes[seat] = this.receivedBytes[seat]! + bytes;
  }

  /** Whether an answer that ends has the length it spoke of. */
  isWhole(seat: number): boolean {
    const due = this.bodyBytesDue[seat]!;
    const has = this.bodyBytes[seat]!;
    if (due < 0 || due === has) return true;
    const status = this.statuses[seat]!;
    // An answer to HEAD, or one that has no body by its status, speaks of a body that does not come.
    return has === 0 && (this.expectsNoBody[seat] === 1 || status === 204 || status === 304);
  }
}

/**
 * Every bound of an HTTP/2 connection with the reason for its number, and the budgets that end floods.
 *
 * There is no clock here: a budget is a burst that shrinks with every suspicious frame, grows again with honest work, and
 * is refilled by the owner once a second (`refill`).
 */
import { assert } from "../../base/mod.ts";
import { tableBytesDefault } from "./hpack-decoder.ts";

/** What a peer may do in a burst, and again in every second after it. */
export interface FloodLimit {
  readonly burst: number;
  readonly perSecond: number;
}

export interface Http2Limits {
  /** Streams a client may have open at once. */
  readonly concurrentStreamsMax: number;
  /** Bytes of one stream that may be under way to us, and of all streams of a connection. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE, and how many fields. */
  readonly headListBytesMax: number;
  readonly fieldsMax: number;
  /** A field block as it comes, over all its frames, and how many CONTINUATION frames. */
  readonly fieldBlockBytesMax: number;
  readonly continuationsMax: number;
  /** The HPACK table we keep for the peer's fields. */
  readonly tableBytes: number;
  /** Bytes that may wait to be written before DATA has to wait, and before answers owed to the peer end the connection. */
  readonly outputBytesMax: number;
  readonly backlogBytesMax: number;
  readonly resets: FloodLimit;
  readonly settings: FloodLimit;
  readonly pings: FloodLimit;
  readonly emptyFrames: FloodLimit;
  readonly windowUpdates: FloodLimit;
  readonly controls: FloodLimit;
  readonly largeHeads: FloodLimit;
}

export const defaultHttp2Limits: Http2Limits = {
  // RFC 9113 §6.5.2 advises at least 100; one client rarely has more in flight.
  concurrentStreamsMax: 128,
  // 256 KiB carries 20 Mbit/s at 100 ms; four such streams fill the connection, and bound what a slow reader costs.
  streamWindowBytes: 262_144,
  connectionWindowBytes: 1_048_576,
  // The same heads as over HTTP/1.1, where 32 KiB and 100 fields are the limit.
  headListBytesMax: 32_768,
  fieldsMax: 100,
  // Twice the decoded limit: no encoder makes a head larger than it was, and one over the limit can still be answered.
  fieldBlockBytesMax: 65_536,
  // 32 KiB take two frames of 16 KiB; eight leave room for small ones (CVE-2024-27316 had no end).
  continuationsMax: 8,
  tableBytes: tableBytesDefault,
  // Two rounds of a socket's default send buffer.
  outputBytesMax: 131_072,
  backlogBytesMax: 65_536,
  // A browser cancels a page's requests at once; rapid reset (CVE-2023-44487) does it thousands of times a second.
  resets: { burst: 200, perSecond: 20 },
  // Peers change settings once or twice; each costs a walk over all streams and an answer.
  settings: { burst: 32, perSecond: 2 },
  // gRPC pings with every window estimate, keep-alives every few seconds.
  pings: { burst: 100, perSecond: 20 },
  // Some libraries end a stream with an empty frame; frames that neither carry nor end anything have no use.
  emptyFrames: { burst: 100, perSecond: 10 },
  // Clients that give back every frame at once send two for each DATA frame; those are paid for by the DATA sent.
  windowUpdates: { burst: 1_000, perSecond: 500 },
  // Priorities of RFC 7540 come once or twice with every stream; unknown frames hardly ever.
  controls: { burst: 400, perSecond: 50 },
  // A browser whose cookies have grown too large asks for a page and what belongs to it; bombs come by the hundred.
  largeHeads: { burst: 50, perSecond: 5 },
};

/** Kinds of frames with a budget, in the order of the array in `FloodBudget`. */
export const Flood = {
  resets: 0,
  settings: 1,
  pings: 2,
  emptyFrames: 3,
  windowUpdates: 4,
  controls: 5,
  largeHeads: 6,
} as const;

/** What is left of each budget of one connection. */
export class FloodBudget {
  private readonly limits: readonly FloodLimit[];
  private readonly left: Int32Array;

  constructor(limits: Http2Limits) {
    const { resets, settings, pings, emptyFrames, windowUpdates, controls, largeHeads } = limits;
    this.limits = [resets, settings, pings, emptyFrames, windowUpdates, controls, largeHeads];
    this.left = Int32Array.from(this.limits, (limit) => limit.burst);
  }

  /** Takes one from a budget; false when it was used up. */
  spend(flood: number): boolean {
    const left = this.left[flood]! - 1;
    if (left < 0) return false;
    this.left[flood] = left;
    return true;
  }

  /** Gives back for honest work, never beyond the burst. */
  refund(flood: number, count: number): void {
    const left = this.left[flood]! + count;
    const { burst } = this.limits[flood]!;
    this.left[flood] = left < burst ? left : burst;
  }

  /** What the seconds since the last call give back. */
  refill(seconds: number): void {
    for (let flood = 0; flood < this.limits.length; flood++) {
      this.refund(flood, Math.floor(this.limits[flood]!.perSecond * seconds));
    }
  }
}

/** Limits that contradict each other are a bug of whoever made them. */
export function checkLimits(limits: Http2Limits): void {
  assert(limits.streamWindowBytes >= 65_535, "a peer may use 65,535 bytes before it has read our settings");
  assert(limits.connectionWindowBytes >= limits.streamWindowBytes, "a connection's window holds a stream's");
  assert(limits.headListBytesMax >= 4 * Math.max(limits.tableBytes, tableBytesDefault), "a list holds four tables");
  assert(limits.fieldBlockBytesMax >= 16_384, "a field block may fill a frame");
}

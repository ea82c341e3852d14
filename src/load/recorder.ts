/**
 * @hot
 * What one process measured of one class of requests during the interval that runs: counters, and histograms in
 * nanoseconds. Once an interval ends it is packed (only the buckets in use), sent to the coordinator and forgotten, so that
 * memory does not grow with the length of a run.
 *
 *     intended ---sendLag---> noticed ---wait---> sent ---service---> last byte
 *     |------------------------- response ---------------------------|
 *
 * `sendLag` is the generator's own lateness; `wait` is the time without a free connection. In a closed loop a request is
 * intended when it is sent, so response and service are the same; only response is recorded and both are reported. With one
 * connection per request, response holds the connect time and service does not.
 */
import { Histogram, latencyNsShape } from "../base/mod.ts";
import { type Failure, failuresCount } from "./failures.ts";

export const statusesCount = 1000;

/** Which histogram is which in `ClassRecorder.histograms` and in packed intervals. */
export const HistogramIndex = {
  response: 0,
  service: 1,
  sendLag: 2,
  wait: 3,
  failed: 4,
  connect: 5,
  handshakeFull: 6,
  handshakeResumed: 7,
  upgrade: 8,
} as const;
export const histogramsCount = 9;
/** The steps of opening a connection, each with its histogram; much of it happens before a run is measured. */
export const setupSteps = [
  HistogramIndex.connect,
  HistogramIndex.handshakeFull,
  HistogramIndex.handshakeResumed,
  HistogramIndex.upgrade,
] as const;
export type SetupStep = (typeof setupSteps)[number];

export class ClassRecorder {
  /** By `HistogramIndex`. A connection belongs to no class, so the first class keeps what its opening took. */
  readonly histograms: readonly Histogram[];
  readonly response: Histogram;
  readonly service: Histogram;
  readonly sendLag: Histogram;
  readonly wait: Histogram;
  /** Response times of whole answers that were not what was asked for (status, checks). */
  readonly failed: Histogram;
  readonly failures = new Float64Array(failuresCount);
  readonly statuses = new Float64Array(statusesCount);
  /** Requests that became due (open loop) or were sent (closed loop). */
  scheduled = 0;
  sent = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Whole answers to requests that were sent before the end of the run. */
  answeredInTime = 0;

  constructor() {
    this.histograms = Array.from({ length: histogramsCount }, () => new Histogram(latencyNsShape));
    this.response = this.histograms[HistogramIndex.response]!;
    this.service = this.histograms[HistogramIndex.service]!;
    this.sendLag = this.histograms[HistogramIndex.sendLag]!;
    this.wait = this.histograms[HistogramIndex.wait]!;
    this.failed = this.histograms[HistogramIndex.failed]!;
  }

  noteSent(bytes: number): void {
    this.sent++;
    this.sentBytes += bytes;
  }

  /** Adds one failed exchange; it has no latency, for it has no answer. */
  fail(failure: Failure): void {
    this.failures[failure] = this.failures[failure]! + 1;
  }
}

/**
 * What is known of one request and its answer: the fields in which the phases meet, set anew for each request, and the memory for
 * what is forwarded. Records are pooled; nothing is allocated for a request. @hot
 */
import { copyBytes, Outcome } from "../base/mod.ts";
import { Lane } from "../lanes/mod.ts";
import { BodyKind, FieldId, type MessageHead, Method } from "../protocols/mod.ts";
import { type Breaker, breakerRefused } from "../resilience/mod.ts";
import type { Upstream, UpstreamLink } from "../upstream/mod.ts";
import type { LocalAnswer } from "./answers.ts";
import type { ClientStream } from "./client-stream.ts";
import type { WorkerContext } from "./context.ts";
import type { UpstreamGuard } from "./guard.ts";
import type { LimitLines } from "./limit-fields.ts";
import type { CompiledRoute, Settings } from "./settings.ts";
import type { UpgradeOffer } from "./upgrade.ts";

/** What a forwarded head usually fits in. Thousands of requests may wait at once, so it is no more than that. */
const OUT_BYTES = 2048;
/** Records keep memory up to this size for the next request. */
const KEPT_OUT_BYTES = 8192;

export abstract class ExchangeRecord {
  readonly context: WorkerContext;
  /** The configuration the request began under; a reload does not change it. */
  settings: Settings;
  client: ClientStream | null = null;
  route: CompiledRoute | null = null;
  /** Of the route in its configuration; negative before one is chosen. */
  routeIndex = -1;
  methodId: number = Method.other;
  mayPipeline = false;
  balanceHash = 0;
  firstByteTimeoutMs = 0;
  answerIdleTimeoutMs = 0;
  queuePlace = -1;

  /** The forwarded head, then body bytes framed for the upstream, in `[0, outTo)`. */
  out: Uint8Array;
  outTo = 0;
  /** Of the request's body as it is forwarded. */
  requestBodyKind: number = BodyKind.none;
  isRequestWhole = false;
  /** Everything of the request is in `out`, so that it can be sent again. */
  protected isReplayable = true;
  protected isDispatched = false;
  protected hasIdempotencyKey = false;
  protected isRequestPaused = false;
  protected hasWaited = false;
  protected connection: UpstreamLink | null = null;
  protected sentCount = 0;
  protected unsentCount = 0;
  hasReplied = false;
  /** Status sent to the client; 0 before. */
  status = 0;
  outcome: number = Outcome.ok;

  /** Monotonic milliseconds: the head was read; the request was given to a connection; 0 if not. */
  startedMs = 0;
  sentAtMs = 0;
  protected deadlineMs = 0;
  requestBytes = 0;
  replyBytes = 0;
  /** Where the request line's parts are in `out`, for the log. */
  targetFrom = 0;
  targetTo = 0;
  isHead = false;
  requestIdFrom = 0;
  requestIdTo = 0;
  /** Where the traceparent is in `out`, -1 where there is none. */
  traceFrom = -1;
  /** The Host line in `out`, which follows the endpoint where the configuration says so. */
  hostFrom = 0;
  hostTo = 0;
  /** The endpoint that was asked last, for the log. */
  endpointName = "";

  laneWaiting = false;
  lane: Lane = Lane.query;
  laneArrivedUs = 0;
  laneDeadlineUs = Number.POSITIVE_INFINITY;
  /** The guard's part: see guard.ts. The upstream is the route's, or its fallback's. */
  protected upstream: Upstream | null = null;
  protected guard: UpstreamGuard | null = null;
  breaker: Breaker | null = null;
  permit: number = breakerRefused;
  isInGate = false;
  hasFallenBack = false;
  attemptAtMs = 0;
  answeredAtMs = 0;
  /** The endpoint asked last, as its health counts it; -1 when it has been told. */
  endpointIndex = -1;
  /** Who is asking, as far as that is proven; empty for nobody in particular. */
  subject = "";
  hasCredentials = false;
  /** A WebSocket handshake's; null for other requests. */
  upgrade: UpgradeOffer | null = null;
  /** Of the rate limit that leaves the least: see limit-fields.ts. */
  limitLines: LimitLines | null = null;
  limitLeft = 0;
  limitSeconds = 0;
  protected identityLines: Uint8Array | null = null;
  protected isIdentityPending = false;
  /** Tells this use of the record from others, for what comes back later. */
  protected life = 0;
  /** The answer of a route without upstream, for when the identity is known. */
  protected laterAnswer: LocalAnswer | null = null;
  protected wantedDigest: string | null = null;
  protected bodyHasher: Bun.CryptoHasher | null = null;

  constructor(context: WorkerContext) {
    this.context = context;
    this.settings = context.settings;
    this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
  }

  /** Sets every field for a new request. */
  protected reset(client: ClientStream, head: MessageHead): void {
    const context = this.context;
    this.settings = context.settings;
    this.client = client;
    this.route = null;
    this.routeIndex = -1;
    this.methodId = head.methodId;
    this.isHead = head.methodId === Method.head;
    this.mayPipeline = false;
    this.balanceHash = 0;
    this.queuePlace = -1;
    this.outTo = 0;
    this.requestBodyKind = head.bodyKind;
    this.isRequestWhole = false;
    this.isReplayable = true;
    this.isDispatched = false;
    this.hasIdempotencyKey = false;
    this.isRequestPaused = false;
    this.hasWaited = false;
    this.connection = null;
    this.sentCount = 0;
    this.unsentCount = 0;
    this.hasReplied = false;
    this.status = 0;
    this.outcome = Outcome.ok;
    this.startedMs = context.loop.nowMs;
    this.sentAtMs = 0;
    this.deadlineMs = 0;
    this.requestBytes = head.end - head.start;
    this.replyBytes = 0;
    this.targetFrom = 0;
    this.targetTo = 0;
    this.requestIdFrom = 0;
    this.requestIdTo = 0;
    this.traceFrom = -1;
    this.endpointName = "";
    this.lane = Lane.query;
    this.laneDeadlineUs = Number.POSITIVE_INFINITY;
    this.upstream = null;
    this.guard = null;
    this.breaker = null;
    this.hasFallenBack = false;
    this.attemptAtMs = 0;
    this.answeredAtMs = 0;
    this.endpointIndex = -1;
    this.subject = "";
    this.limitLines = null;
    this.identityLines = null;
    this.isIdentityPending = false;
    this.life++;
    this.laterAnswer = null;
    this.wantedDigest = null;
    this.bodyHasher = null;
    this.upgrade = null;
    this.hasCredentials = head.indexOf(FieldId.authorization) >= 0 || head.indexOf(FieldId.cookie) >= 0;
  }

  /** Keeps the request line's parts for the log of a request that is not forwarded. */
  protected noteTarget(head: MessageHead): void {
    const out = this.reserve(head.targetEnd - head.methodStart + 1);
    this.targetFrom = head.targetStart - head.methodStart;
    this.targetTo = copyBytes(head.bytes, head.methodStart, head.targetEnd, out, 0);
  }

  /** The body must have this SHA-256, in base64. */
  expectDigest(wanted: string): void {
    this.wantedDigest = wanted;
    this.bodyHasher = new Bun.CryptoHasher("sha256");
  }

  protected isBodyAsSigned(): boolean {
    return this.bodyHasher === null || this.bodyHasher.digest("base64") === this.wantedDigest;
  }

  protected append(bytes: Uint8Array, from: number, to: number): void {
    const out = this.reserve(this.outTo + to - from);
    this.outTo = copyBytes(bytes, from, to, out, this.outTo);
  }

  /** Makes room in `out` for `bytes` bytes in all and returns it. */
  reserve(bytes: number): Uint8Array {
    if (bytes <= this.out.length) return this.out;
    const doubled = this.out.length * 2;
    const larger = Buffer.allocUnsafeSlow(bytes > doubled ? bytes : doubled);
    copyBytes(this.out, 0, this.outTo, larger, 0);
    this.out = larger;
    return larger;
  }

  /** Gives memory above the usual back, so that one large request does not keep it. @cold */
  trim(): void {
    if (this.out.length > KEPT_OUT_BYTES) this.out = Buffer.allocUnsafeSlow(OUT_BYTES);
  }
}

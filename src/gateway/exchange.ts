/**
 * One request and its answer: the record in which the phases meet. It belongs to a client stream from the request's head to
 * the answer's end, and to an upstream connection for the attempts in between. @hot
 *
 *     begin ─► [request body]* ─► dispatch ─► acquire ─► ready: send ─► answer ─► end ─► released to the pool
 *                                    ▲                       │
 *                                    └── again, if allowed ──┘
 *
 * The forwarded head and what came with it stay in `out` until the end, so that an attempt which met a closed connection
 * can be repeated. Records are pooled and set once; nothing is allocated for a request.
 */
import { assert, copyBytes, Outcome } from "../base/mod.ts";
import type { Identity, RuleDecision } from "../identity/mod.ts";
import type { Lane, LaneNode } from "../lanes/mod.ts";
import { BodyKind, FieldId, type MessageHead } from "../protocols/mod.ts";
import { type Breaker, decideRetry, RetryVerdict } from "../resilience/mod.ts";
import type { UpstreamExchange, UpstreamLink } from "../upstream/mod.ts";
import { admit, admitIdentified } from "./admit.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import type { ClientStream } from "./client-stream.ts";
import { ExchangeRecord } from "./exchange-record.ts";
import {
  isIdempotent,
  replaceInHead,
  writeChunkEnd,
  writeChunkStart,
  writeForwardedHead,
  writeTrailers,
} from "./forward.ts";
import type { UpstreamGuard } from "./guard.ts";
import { withLimitFields } from "./limit-fields.ts";
import { recordExchange } from "./record.ts";
import type { CompiledChanges } from "./settings.ts";
import { openTunnel, takeOffer } from "./upgrade.ts";

/** Most attempts that end before anything was sent; each goes to another endpoint where there is one. */
const CONNECT_ATTEMPTS_MAX = 3;

export class Exchange extends ExchangeRecord implements UpstreamExchange, LaneNode<Exchange> {
  /** The lane's part: see lanes/lane-queues.ts. */
  laneNext: Exchange | null = null;
  lanePrevious: Exchange | null = null;

  /** Phases route and admit, and the forwarded head. A request that is refused is answered within the call. */
  begin(client: ClientStream, head: MessageHead): void {
    this.reset(client, head);
    const refusal = this.chooseRoute(head);
    if (refusal !== null) {
      if (this.context.accessLog !== null) this.noteTarget(head);
      this.finishLocal(refusal);
      return;
    }
    const route = this.route!;
    this.mayPipeline = route.mayPipeline && head.bodyKind === BodyKind.none && isIdempotent(head.methodId);
    this.hasIdempotencyKey = route.honoursIdempotencyKey && head.indexOf(FieldId.idempotencyKey) >= 0;
    this.firstByteTimeoutMs = route.firstByteTimeoutMs;
    this.answerIdleTimeoutMs = route.answerIdleTimeoutMs;
    writeForwardedHead(this, head);
    this.addIdentityLines();
  }

  /** The sender waits no longer than this from now. */
  limitTime(leftMs: number): void {
    const atMs = this.startedMs + leftMs;
    this.laneDeadlineUs = atMs * 1000;
    if (this.deadlineMs === 0 || atMs < this.deadlineMs) this.deadlineMs = atMs;
  }

  /** The answer to give instead of forwarding, or null. */
  private chooseRoute(head: MessageHead): LocalAnswer | null {
    const settings = this.settings;
    const index = settings.matchRoute(head);
    if (index < 0) return settings.unroutedAnswer(head, index);
    const route = settings.routes[index]!;
    this.route = route;
    this.routeIndex = index;
    if (route.local !== null) {
      const refusal = admit(this, head, route.admit);
      if (refusal !== null || !this.isIdentityPending) return refusal ?? route.local(head);
      this.laterAnswer = route.local(head);
      return null;
    }
    if (head.bodyKind === BodyKind.length && head.contentLength > route.bodyBytesMax) {
      return answerOf(Outcome.bodyTooLarge);
    }
    if (route.requestTimeoutMs > 0) this.deadlineMs = this.startedMs + route.requestTimeoutMs;
    this.upstream = route.upstream;
    this.guard = route.guard;
    this.breaker = route.breaker;
    const refusal = head.isWebSocketUpgrade ? takeOffer(this, head) : null;
    if (refusal !== null) return refusal;
    return admit(this, head, route.admit);
  }

  /** Changes to the answer's fields; null for none. */
  get answerChanges(): CompiledChanges | null {
    const changes = this.route!.answerChanges;
    return this.limitLines === null ? changes : withLimitFields(this, this.limitLines, changes);
  }

  /** Who is asking is proven; the answer of `IdentityPlan.accept`. */
  identify(identity: Identity, decision: RuleDecision): void {
    this.subject = identity.subject;
    this.hasCredentials = true;
    if (decision.lines.length > 0) this.identityLines = decision.lines;
    if (decision.lane >= 0) this.lane = decision.lane as Lane;
  }

  /** The proof is verified later: nothing is sent until then. The ticket is for `isAwaiting`. */
  awaitIdentity(): number {
    this.isIdentityPending = true;
    return this.life;
  }

  isAwaiting(ticket: number): boolean {
    return this.life === ticket && this.client !== null && this.isIdentityPending;
  }

  /** The proof was verified: 0, or the outcome that refuses. */
  identityVerified(outcome: number): void {
    const plan = this.route!.admit;
    const refusal = outcome === 0 ? admitIdentified(this, plan) : plan.identity!.answer(outcome);
    this.isIdentityPending = false;
    const answer = refusal ?? this.laterAnswer;
    if (answer !== null) {
      this.finishEarly(answer);
      return;
    }
    this.addIdentityLines();
    if (this.isDispatched) this.guard!.enter(this);
  }

  private addIdentityLines(): void {
    if (this.identityLines === null) return;
    this.hostTo = replaceInHead(this, this.hostTo, this.hostTo, this.identityLines) - this.identityLines.length;
    this.identityLines = null;
  }

  /** Body bytes of the request, without framing. */
  onRequestBody(bytes: Uint8Array, from: number, to: number): void {
    this.requestBytes += to - from;
    if (this.requestBytes > this.route!.bodyBytesMax && this.requestBodyKind === BodyKind.chunked) {
      this.fail(Outcome.bodyTooLarge);
      return;
    }
    if (this.bodyHasher !== null) this.bodyHasher.update(bytes.subarray(from, to));
    if (this.requestBodyKind === BodyKind.chunked) this.appendChunk(bytes, from, to);
    else if (this.connection === null) this.append(bytes, from, to);
    else this.stream(bytes, from, to);
  }

  /** The request is complete. */
  onRequestEnd(trailers: MessageHead | null): void {
    if (!this.isBodyAsSigned()) {
      this.fail(Outcome.identityInvalid);
      return;
    }
    this.isRequestWhole = true;
    if (this.requestBodyKind === BodyKind.chunked) {
      if (this.connection === null) {
        this.outTo = writeTrailers(
          this.reserve(this.outTo + 7 + (trailers?.writtenBytesMax ?? 0)),
          this.outTo,
          trailers,
        );
      } else {
        const scratch = this.context.scratch;
        this.stream(scratch, 0, writeTrailers(scratch, 0, trailers));
      }
    }
    this.connection?.endRequest();
  }

  private appendChunk(bytes: Uint8Array, from: number, to: number): void {
    if (from === to) return;
    if (this.connection === null) {
      const out = this.reserve(this.outTo + to - from + 16);
      this.outTo = writeChunkStart(out, this.outTo, to - from);
      this.outTo = copyBytes(bytes, from, to, out, this.outTo);
      this.outTo = writeChunkEnd(out, this.outTo);
      return;
    }
    const scratch = this.context.scratch;
    this.stream(scratch, 0, writeChunkStart(scratch, 0, to - from));
    this.stream(bytes, from, to);
    this.stream(scratch, 0, writeChunkEnd(scratch, 0));
  }

  private stream(bytes: Uint8Array, from: number, to: number): void {
    this.isReplayable = false;
    if (this.connection!.sendBody(bytes, from, to) || this.isRequestPaused) return;
    this.isRequestPaused = true;
    this.client!.pauseRequest();
  }

  /** What arrived with the head is in `out`: asks for a connection. */
  dispatch(): void {
    if (this.client === null) return;
    this.isDispatched = true;
    if (this.deadlineMs > 0) this.client.setDeadline(this.deadlineMs);
    if (this.isIdentityPending) this.waitInLane();
    else this.guard!.enter(this);
  }

  /** It waits in its lane, and the request's body with it. The guard ends the wait, one way or the other. */
  waitInLane(): void {
    if (!this.isRequestWhole) this.pauseRequest();
  }

  /** The breaker is open: asks the fallback's upstream instead. */
  goElsewhere(guard: UpstreamGuard, breaker: Breaker | null): void {
    this.hasFallenBack = true;
    this.upstream = guard.upstream;
    this.guard = guard;
    this.breaker = breaker;
    guard.enter(this);
  }

  /** Asks the upstream for a connection; the guard calls it for each attempt. */
  acquire(): void {
    const route = this.route!;
    this.upstream!.acquire(this);
    if (this.queuePlace < 0 || this.client === null) return;
    // It waits: the body waits with it, and not longer than the queue allows.
    if (!this.isRequestWhole) this.pauseRequest();
    this.hasWaited = true;
    const untilMs = this.context.loop.nowMs + route.queueTimeoutMs;
    this.client.setDeadline(this.deadlineMs > 0 && this.deadlineMs < untilMs ? this.deadlineMs : untilMs);
  }

  private pauseRequest(): void {
    if (this.isRequestPaused) return;
    this.isRequestPaused = true;
    this.client!.pauseRequest();
  }

  onUpstreamReady(connection: UpstreamLink): void {
    assert(this.client !== null && this.connection === null, "a connection is given to an exchange that waits for one");
    this.connection = connection;
    this.sentCount++;
    this.sentAtMs = this.context.loop.nowMs;
    this.endpointName = connection.endpoint.name;
    this.endpointIndex = connection.endpoint.healthIndex;
    if (this.route!.hostFromEndpoint) {
      this.hostTo = replaceInHead(this, this.hostFrom, this.hostTo, connection.endpoint.hostLine);
    }
    connection.sendRequest(this.out, 0, this.outTo, this.isRequestWhole);
    if (this.hasWaited) this.client.setDeadline(this.deadlineMs);
    if (this.isRequestPaused && connection.backlogBytes === 0) this.onUpstreamWritable();
  }

  onUpstreamWritable(): void {
    if (!this.isRequestPaused || this.client === null) return;
    this.isRequestPaused = false;
    this.client.resumeRequest();
  }

  onUpstreamInterim(head: MessageHead): void {
    this.client?.replyInterim(head);
  }

  onUpstreamUpgrade(head: MessageHead, bytes: Uint8Array, from: number, to: number): boolean {
    return openTunnel(this, this.connection!, head, bytes, from, to);
  }

  /** The tunnel is open: for this record the request is answered. */
  endUpgrade(): void {
    this.connection = null;
    this.guard!.settle(this, Outcome.ok);
    this.release();
  }

  onUpstreamHead(head: MessageHead): void {
    this.hasReplied = true;
    this.status = head.status;
    this.answeredAtMs = this.context.loop.nowMs;
    this.route!.lastGood?.begin(this, head);
    this.client!.replyHead(this, head);
  }

  onUpstreamBody(bytes: Uint8Array, from: number, to: number): void {
    this.route!.lastGood?.add(this, bytes, from, to);
    this.client!.replyBody(bytes, from, to);
    if (this.client!.isReplyBlocked) this.connection!.pauseReading();
  }

  onUpstreamPause(): void {
    this.client?.flushReply();
  }

  onUpstreamEnd(trailers: MessageHead | null): void {
    this.connection = null;
    this.route!.lastGood?.end(this);
    this.guard!.settle(this, Outcome.ok);
    this.client!.replyEnd(this, trailers);
  }

  onUpstreamFailed(outcome: number, isUnanswered: boolean): void {
    const wasSent = this.connection !== null;
    this.connection = null;
    if (this.client === null) return;
    if (isUnanswered && !this.hasReplied && this.mayTryAgain(wasSent, outcome)) {
      this.context.countRetry();
      const guard = this.guard!;
      guard.attemptFailed(this, outcome);
      guard.budget.spend();
      guard.start(this);
      return;
    }
    if (outcome === Outcome.noEndpoint) this.guard!.noEndpoint(this);
    else this.fail(outcome);
  }

  /** Whether the request is given to the upstream once more: `decideRetry` says, see docs/resilience.md. */
  private mayTryAgain(wasSent: boolean, outcome: number): boolean {
    const { context, guard, deadlineMs } = this;
    const route = this.route!;
    const { nowMs } = context.loop;
    const isConnect = outcome === Outcome.upstreamConnectFailed || outcome === Outcome.upstreamConnectTimeout;
    if (!wasSent) this.unsentCount++;
    const it = context.retryCase;
    // A time limit that passed is an answer of a kind: sending again would only add to it.
    it.isRetryable = wasSent ? outcome === Outcome.upstreamClosed : isConnect;
    it.isUnsent = !wasSent;
    it.isMethodIdempotent = route.retriesIdempotent && isIdempotent(this.methodId);
    it.isKeyHonoured = this.hasIdempotencyKey;
    it.hasAnswerBegun = this.hasReplied;
    it.isBodyHeld = !wasSent || (this.isReplayable && this.isRequestWhole);
    it.attempts = wasSent ? this.sentCount : this.unsentCount;
    it.attemptsMax = wasSent ? route.attemptsMax : CONNECT_ATTEMPTS_MAX;
    it.leftMs = deadlineMs === 0 ? Number.POSITIVE_INFINITY : deadlineMs - nowMs;
    it.hasBudget = guard!.budget.hasOne(nowMs);
    return decideRetry(it) === RetryVerdict.retry;
  }

  /** The client takes bytes again. */
  onClientWritable(): void {
    this.connection?.resumeReading();
  }

  /** The client is gone, or gives this request up. */
  onClientGone(outcome: number): void {
    const guard = this.guard;
    this.outcome = outcome;
    this.letGoOfUpstream(outcome);
    this.release();
    guard?.pump();
  }

  /** A time limit set with `setDeadline` has passed. */
  onDeadline(nowMs: number): void {
    if (this.deadlineMs > 0 && nowMs >= this.deadlineMs) this.fail(Outcome.requestTimeout);
    else if (this.queuePlace >= 0) this.fail(Outcome.upstreamQueueTimeout);
  }

  /** Ends the exchange with an answer of our own, or by cutting the one that has begun. */
  fail(outcome: number): void {
    const guard = this.guard;
    this.letGoOfUpstream(outcome);
    this.outcome = outcome;
    if (this.hasReplied && !this.client!.takeBackReply()) this.client!.abortReply(this);
    else this.finishLocal(answerOf(outcome));
    guard?.pump();
  }

  /** Ends it with an answer of our own instead of the upstream's, before it was sent. */
  finishEarly(answer: LocalAnswer): void {
    this.letGoOfUpstream(answer.outcome);
    this.finishLocal(answer);
  }

  private letGoOfUpstream(outcome: number): void {
    if (this.queuePlace >= 0) this.upstream!.cancelWaiting(this);
    this.guard?.settle(this, outcome);
    const connection = this.connection;
    this.connection = null;
    if (connection !== null) connection.abandon(this);
  }

  private finishLocal(answer: LocalAnswer): void {
    this.outcome = answer.outcome;
    this.status = answer.status;
    this.hasReplied = true;
    this.client!.replyLocal(this, answer);
  }

  /** Whether the request was passed to `dispatch`. */
  get hasBeenDispatched(): boolean {
    return this.isDispatched;
  }

  /** Records the exchange and returns it to the pool. The stream calls it when it has let go. */
  release(): void {
    assert(this.client !== null, "an exchange is released once");
    recordExchange(this);
    this.client = null;
    this.route = null;
    this.context.exchanges.release(this);
  }
}

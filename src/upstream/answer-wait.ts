/**
 * How long a connection waits for its endpoint, one limit at a time, so that nobody else's delay is laid at its door. @hot
 *
 *     the client still sends its request     no limit here: the client has its own
 *     what was sent is not taken             `firstByte`
 *     the request is whole                   `firstByte`, up to the first byte of the answer
 *     the answer comes                       `idle`, between two reads
 *     the client does not take the answer    no limit here: the client has its own
 */
import { Wire } from "../transport/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamExchange } from "./exchange.ts";

export abstract class AnswerWait extends Wire {
  readonly endpoint: Endpoint;
  protected isRequestOpen = false;
  protected hasAnswerBegun = false;

  constructor(endpoint: Endpoint) {
    super();
    this.endpoint = endpoint;
  }

  /** Whether an answer is to come, and whose it is; null for one that nobody wants any more. */
  protected abstract get isAwaiting(): boolean;
  protected abstract get awaited(): UpstreamExchange | null;

  protected setTimeLimit(limitMs: number): void {
    const { timers, loop } = this.endpoint;
    if (limitMs > 0) timers.schedule(this, loop.nowMs + limitMs);
    else timers.cancel(this);
  }

  /** `isTaken` says whether all that was sent is with the kernel. */
  protected awaitRequest(isTaken: boolean): void {
    if (isTaken && !this.hasAnswerBegun) this.setTimeLimit(0);
    else if (!isTaken) this.awaitFirstByte();
  }

  protected awaitFirstByte(): void {
    if (!this.hasAnswerBegun) this.setTimeLimit(this.awaited?.firstByteTimeoutMs ?? 0);
  }

  protected awaitNextByte(): void {
    this.setTimeLimit(this.awaited?.answerIdleTimeoutMs ?? 0);
  }

  override pauseReading(): void {
    super.pauseReading();
    if (this.hasAnswerBegun) this.setTimeLimit(0);
  }

  override resumeReading(): void {
    super.resumeReading();
    if (this.hasAnswerBegun && this.isAwaiting) this.awaitNextByte();
  }
}

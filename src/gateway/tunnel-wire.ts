/**
 * The end of a tunnel that is a socket of its own: an HTTP/1.1 client's, or an upstream's, after the switch. @hot
 */
import { ProcessCounter } from "../observe/mod.ts";
import { Wire } from "../transport/mod.ts";
import type { WorkerContext } from "./context.ts";
import type { AcceptedConnection } from "./listener.ts";
import type { Direction, TunnelSide } from "./tunnel.ts";

/** A source is stopped while more than this waits for the socket; one read beyond it still arrives. */
const backlogBytesMax = 65_536;

/** Who counts the socket: a listener, or an endpoint. */
export interface TunnelOwner {
  tunnelClosed(wire: TunnelWire): void;
}

export class TunnelWire extends Wire implements TunnelSide {
  /** The address an accepted connection came from; empty towards upstreams. */
  readonly acceptedFrom: string;
  /** Neighbours in the listener's list; the listener's. */
  previous: AcceptedConnection | null = null;
  next: AcceptedConnection | null = null;
  private readonly context: WorkerContext;
  /** What this socket sends, and what it gets. */
  private readonly outward: Direction;
  private readonly inward: Direction;
  private readonly owner: TunnelOwner;
  /** One of the two looks after the tunnel's silence. */
  private readonly isKeeper: boolean;
  private isFinishing = false;
  private isPeerEnded = false;

  constructor(
    context: WorkerContext,
    acceptedFrom: string,
    outward: Direction,
    inward: Direction,
    isKeeper: boolean,
    owner: TunnelOwner,
  ) {
    super();
    this.context = context;
    this.acceptedFrom = acceptedFrom;
    this.outward = outward;
    this.inward = inward;
    this.isKeeper = isKeeper;
    this.owner = owner;
  }

  /** The socket is ours. */
  begin(): void {
    this.resumeReading();
    if (!this.isKeeper) return;
    this.context.metrics.add(ProcessCounter.websocketsOpen, 1);
    this.watch();
  }

  sendTunnel(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.isEnding) return true;
    this.write(bytes, from, to);
    return this.backlogBytes < backlogBytesMax;
  }

  pauseTunnel(): void {
    this.pauseReading();
  }

  resumeTunnel(): void {
    this.resumeReading();
  }

  finishTunnel(): void {
    if (this.isFinishing || this.socket === null) return;
    this.isFinishing = true;
    this.endWriting();
    if (this.isPeerEnded && this.backlogBytes === 0) {
      this.destroy();
      return;
    }
    const { timers, loop, settings } = this.context;
    const writeMs = this.backlogBytes > 0 ? settings.client.writeIdleTimeoutMs : 0;
    timers.schedule(this, loop.nowMs + settings.client.lingerMs + writeMs);
    this.resumeReading();
  }

  abortTunnel(): void {
    this.destroy();
  }

  /** Ends the tunnel at `atMs` at the latest. */
  drain(atMs: number): void {
    this.outward.tunnel.drain(atMs);
    this.context.timers.schedule(this, atMs);
  }

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    this.context.loop.refresh();
    this.outward.receive(bytes, from, to);
  }

  onWritable(): void {
    this.inward.onWritable();
  }

  onPeerEnd(): void {
    this.context.loop.refresh();
    this.isPeerEnded = true;
    this.outward.onEnded();
    if (this.isFinishing && this.backlogBytes === 0) this.destroy();
  }

  onClosed(_error: string): void {
    this.context.timers.cancel(this);
    this.outward.onGone();
    if (this.isKeeper) this.context.metrics.add(ProcessCounter.websocketsOpen, -1);
    this.owner.tunnelClosed(this);
  }

  onTimer(nowMs: number): void {
    this.context.loop.refresh();
    if (this.isFinishing) {
      this.destroy();
      return;
    }
    const nextMs = this.outward.tunnel.onTimer(nowMs);
    if (this.isKeeper && !this.isFinishing && nextMs < Number.POSITIVE_INFINITY) {
      this.context.timers.schedule(this, nextMs);
    }
  }

  private watch(): void {
    const { timers, loop, settings } = this.context;
    timers.schedule(this, loop.nowMs + settings.client.keepAliveTimeoutMs);
  }
}

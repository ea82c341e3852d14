/**
 * One client connection and the one to the upstream that was made for it, with a flow in each direction.
 *
 *     client ──up──► upstream
 *     client ◄─down─ upstream
 *
 * Ends are passed on as they came: an orderly end as an end, a reset as a reset, both in their turn behind the bytes that
 * wait. The upstream is called when the client has connected; a partition holds that back too. What a proxy in user space
 * cannot do is refuse or drop the client's handshake: the kernel has answered it before the proxy knows.
 */
import type { Socket } from "bun";
import { type Clock, Random } from "../base/mod.ts";
import { concerns, type Effects, effectsOf } from "./effects.ts";
import type { Fault } from "./fault.ts";
import { Flow, type FlowEnds } from "./flow.ts";

/** A fault in force. */
export interface ActiveFault {
  readonly name: string;
  readonly fault: Fault;
  readonly sinceMs: number;
}

/** What a link tells its proxy. */
export interface LinkOwner {
  readonly clock: Clock;
  readonly queueBytesMax: number;
  connectUpstream(side: Side): void;
  ended(link: Link, wasReset: boolean): void;
}

/** One of the two sockets; Bun's callbacks find it as the socket's data. */
export class Side {
  readonly link: Link;
  readonly isClient: boolean;
  socket: Socket<Side> | null = null;
  hasEnded = false;

  constructor(link: Link, isClient: boolean) {
    this.link = link;
    this.isClient = isClient;
  }
}

export class Link {
  readonly number: number;
  readonly client: Side;
  readonly upstream: Side;
  readonly up: Flow;
  readonly down: Flow;
  private readonly owner: LinkOwner;
  private readonly seed: number;
  private readonly openedMs: number;
  private hasCalled = false;
  private isOver = false;
  private upEffects: Effects = effectsOf([], "up");
  private downEffects: Effects = effectsOf([], "down");
  private resetTimers: Timer[] = [];

  /** @param number of the connection since the proxy began: with the seed it decides which faults strike it */
  constructor(owner: LinkOwner, number: number, seed: number) {
    this.owner = owner;
    this.number = number;
    this.seed = seed;
    this.openedMs = owner.clock.monotonicMs();
    this.client = new Side(this, true);
    this.upstream = new Side(this, false);
    const random = new Random(mix(seed, number, "jitter"));
    const options = { clock: owner.clock, random, queueBytesMax: owner.queueBytesMax };
    this.up = new Flow(this.endsOf(this.client, this.upstream), options);
    this.down = new Flow(this.endsOf(this.upstream, this.client), options);
  }

  /** The client's socket is open, and later each time that faults changed. */
  use(active: readonly ActiveFault[]): void {
    if (this.isOver) return;
    const chosen = active.filter(({ name, fault }) => isChosen(this.seed, this.number, name, fault.probability));
    const faults = chosen.map(({ fault }) => fault);
    this.upEffects = effectsOf(faults, "up");
    this.downEffects = effectsOf(faults, "down");
    this.scheduleResets(chosen);
    this.callUpstream();
    this.up.use(this.upEffects);
    this.down.use(this.downEffects);
  }

  /** A socket of this link is open. */
  opened(side: Side, socket: Socket<Side>): void {
    if (this.isOver) return void socket.terminate();
    side.socket = socket;
    socket.setNoDelay(true);
    (side.isClient ? this.down : this.up).open();
  }

  received(side: Side, bytes: Uint8Array): void {
    (side.isClient ? this.up : this.down).receive(bytes);
  }

  drained(side: Side): void {
    (side.isClient ? this.down : this.up).drain();
  }

  /** The peer behind `side` sends nothing more. */
  sentEnd(side: Side): void {
    if (side.hasEnded) return;
    side.hasEnded = true;
    (side.isClient ? this.up : this.down).end();
  }

  /** The socket is gone. */
  closed(side: Side, isReset: boolean): void {
    side.socket = null;
    if (this.isOver) return;
    if (isReset) (side.isClient ? this.up : this.down).reset();
    else this.sentEnd(side);
    (side.isClient ? this.down : this.up).stop();
    if (this.client.socket === null && this.upstream.socket === null && this.hasCalled) this.finish(false);
  }

  /** The upstream could not be reached: the client sees a reset. */
  connectFailed(): void {
    this.reset("both");
  }

  /** Resets towards one side, and ends in order towards the other; `both` resets both. */
  reset(direction: Fault["direction"]): void {
    if (this.isOver) return;
    // Over first: closing a socket calls back before it returns.
    this.finish(true);
    closeSocket(this.upstream.socket, concerns(direction, "up"));
    closeSocket(this.client.socket, concerns(direction, "down"));
  }

  /** The proxy ends. */
  destroy(): void {
    this.reset("both");
  }

  private callUpstream(): void {
    if (this.hasCalled || this.upEffects.isPartitioned || this.downEffects.isPartitioned) return;
    this.hasCalled = true;
    this.owner.connectUpstream(this.upstream);
  }

  private scheduleResets(chosen: readonly ActiveFault[]): void {
    for (const timer of this.resetTimers) clearTimeout(timer);
    const nowMs = this.owner.clock.monotonicMs();
    this.resetTimers = chosen.flatMap(({ fault, sinceMs }) => {
      if (fault.kind !== "reset") return [];
      const dueMs = Math.max(sinceMs, this.openedMs) + fault.afterMs;
      return [setTimeout(() => this.reset(fault.direction), Math.max(0, dueMs - nowMs))];
    });
  }

  private endsOf(source: Side, sink: Side): FlowEnds {
    return {
      write: (bytes, from, length) => sink.socket?.write(bytes, from, length) ?? -1,
      endSink: () => {
        sink.socket?.shutdown();
        if (sink.socket === null) this.closeIfDone();
      },
      resetSink: () => this.reset("both"),
      pauseSource: () => void source.socket?.pause(),
      resumeSource: () => void source.socket?.resume(),
      limitReached: () => {
        this.finish(false);
        sink.socket?.end();
        source.socket?.end();
      },
    };
  }

  /** The end reached a side that is gone already. */
  private closeIfDone(): void {
    if (this.client.socket === null && this.upstream.socket === null) this.finish(false);
  }

  private finish(wasReset: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const timer of this.resetTimers) clearTimeout(timer);
    this.up.stop();
    this.down.stop();
    this.owner.ended(this, wasReset);
  }
}

function closeSocket(socket: Socket<Side> | null, isReset: boolean): void {
  if (isReset) socket?.terminate();
  else socket?.end();
}

/** The same for every run with the same seed, whatever else happens. */
function isChosen(seed: number, connection: number, name: string, probability: number): boolean {
  if (probability >= 1) return true;
  return new Random(mix(seed, connection, name)).unit() < probability;
}

/** FNV-1a over the three. */
function mix(seed: number, connection: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  hash = Math.imul(hash ^ connection, 0x01000193);
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

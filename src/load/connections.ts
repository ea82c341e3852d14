/**
 * Opens the connections of one client process and keeps them open: at most `connectPerSecond` a second and 512 attempts at
 * a time (so that a listener's queue is not flooded), and 100 ms after a failure (so that a dead server is not hammered).
 * What is said over a connection is the protocol client's business.
 */
import type { Socket, SocketHandler, TCPSocketConnectOptions } from "bun";
import type { Clock } from "../base/mod.ts";
import { Failure } from "./failures.ts";
import type { ClientEvents, ConnectOptions } from "./protocol-client.ts";

const connectingMax = 512;
const retryAfterNs = 100_000_000;

/** What the opener needs to know of a connection. */
export interface OpenedConnection {
  readonly slot: number;
  socket: Socket<OpenedConnection> | null;
  connectStartNs: number;
  notBeforeNs: number;
  wasTried: boolean;
  /** The attempt was given up; whatever comes of it is closed at once. */
  isReplaced: boolean;
}

export interface ConnectionOwner<C extends OpenedConnection> {
  readonly handlers: SocketHandler<C>;
  /** A connection for the slot, in place of any before. */
  create(slot: number): C;
  opened(connection: C): void;
  notOpened(connection: C, failure: Failure): void;
}

export class ConnectionOpener<C extends OpenedConnection> {
  openCount = 0;
  pendingCount = 0;
  private readonly connecting = new Set<C>();
  private readonly queue: C[] = [];
  private mayOpen = true;
  private budget = 1;
  private lastTickNs = -1;
  private sourceIndex = 0;
  private readonly options: ConnectOptions;
  private readonly events: ClientEvents;
  private readonly clock: Clock;
  private readonly owner: ConnectionOwner<C>;

  constructor(options: ConnectOptions, events: ClientEvents, clock: Clock, owner: ConnectionOwner<C>) {
    this.options = options;
    this.events = events;
    this.clock = clock;
    this.owner = owner;
  }

  /** Opens the connection as soon as the limits allow, which may be now. */
  enqueue(connection: C): void {
    if (!this.mayOpen) return;
    if (this.queue.length === 0 && this.hasRoom() && connection.notBeforeNs <= this.clock.monotonicNs()) {
      this.budget -= 1;
      this.openNow(connection);
    } else {
      this.queue.push(connection);
    }
  }

  /** Opens a connection now, whatever the queue. */
  openNow(connection: C): void {
    connection.connectStartNs = this.clock.monotonicNs();
    this.connecting.add(connection);
    const { host, port, sourceAddresses } = this.options;
    const connectOptions: TCPSocketConnectOptions<C> & { localAddress?: string } = {
      hostname: host,
      port,
      data: connection,
      socket: this.owner.handlers,
    };
    if (sourceAddresses.length > 0) {
      connectOptions.localAddress = sourceAddresses[this.sourceIndex % sourceAddresses.length]!;
      this.sourceIndex++;
    }
    // A failure is told twice: to `connectError`, where it is handled, and here.
    Bun.connect<C>(connectOptions).catch((error: unknown) => this.failed(connection, error));
  }

  /** For the socket's `open` handler: false when nobody waits for this connection any more. */
  accept(connection: C, socket: Socket<C>): boolean {
    this.connecting.delete(connection);
    if (connection.isReplaced) {
      socket.terminate();
      return false;
    }
    socket.setNoDelay(true);
    connection.socket = socket as unknown as Socket<OpenedConnection>;
    this.noteTried(connection);
    this.openCount++;
    this.events.connected(this.clock.monotonicNs() - connection.connectStartNs);
    return true;
  }

  /** An open connection ended. */
  ended(connection: C): void {
    if (connection.socket === null) return;
    connection.socket = null;
    this.openCount--;
  }

  /** The socket's `connectError`, or a rejected attempt. */
  failed(connection: C, error: unknown): void {
    if (!this.connecting.delete(connection) || connection.isReplaced) return;
    this.noteTried(connection);
    connection.notBeforeNs = this.clock.monotonicNs() + retryAfterNs;
    this.owner.notOpened(connection, connectFailure(error));
  }

  tick(nowNs: number): void {
    const elapsedNs = this.lastTickNs < 0 ? 0 : nowNs - this.lastTickNs;
    this.lastTickNs = nowNs;
    const perSecond = this.options.connectPerSecond;
    // At most 50 ms worth at once, so that a stall is not followed by a flood.
    this.budget = Math.min(this.budget + (elapsedNs / 1e9) * perSecond, Math.max(1, perSecond / 20));
    this.giveUpLate(nowNs);
    let waiting = this.queue.length;
    while (waiting-- > 0 && this.hasRoom()) {
      const connection = this.queue.shift()!;
      if (connection.notBeforeNs > nowNs) {
        this.queue.push(connection);
        continue;
      }
      this.budget -= 1;
      this.openNow(connection);
    }
  }

  stop(): void {
    this.mayOpen = false;
    this.queue.length = 0;
  }

  private hasRoom(): boolean {
    return this.budget >= 1 && this.connecting.size < connectingMax;
  }

  private noteTried(connection: C): void {
    if (connection.wasTried) return;
    connection.wasTried = true;
    this.pendingCount--;
  }

  private giveUpLate(nowNs: number): void {
    const timeoutNs = this.options.connectTimeoutMs * 1e6;
    for (const connection of this.connecting) {
      // Attempts are kept in the order they began.
      if (nowNs - connection.connectStartNs < timeoutNs) break;
      this.connecting.delete(connection);
      if (connection.isReplaced) continue;
      this.noteTried(connection);
      connection.isReplaced = true;
      const next = this.owner.create(connection.slot);
      next.wasTried = true;
      this.owner.notOpened(next, Failure.connectTimeout);
    }
  }
}

function connectFailure(error: unknown): Failure {
  const code = (error as { code?: unknown }).code;
  if (code === "ECONNREFUSED") return Failure.connectRefused;
  if (code === "ETIMEDOUT") return Failure.connectTimeout;
  if (code === "EADDRNOTAVAIL" || code === "EADDRINUSE") return Failure.noLocalPort;
  if (code === "ECONNRESET") return Failure.reset;
  return Failure.connectFailed;
}

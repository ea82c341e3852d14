/** A listening socket of one worker: the phase accept. Limits on connections, and the list of those that are open. */
import { Outcome } from "../base/mod.ts";
import type { ListenerConfig } from "../config/mod.ts";
import { type Lane, laneOf } from "../lanes/mod.ts";
import {
  adopt,
  type Listening,
  listenOn,
  markConnected,
  markListening,
  SocketOption,
  setSocketOption,
  type WireSocket,
} from "../transport/mod.ts";
import { ClientConnection } from "./client-connection.ts";
import type { WorkerContext } from "./context.ts";
import type { Http2ClientConnection } from "./http2-connection.ts";
import { isInNetworks, plainAddress } from "./networks.ts";
import type { GatewaySecurity } from "./security.ts";
import type { TunnelWire } from "./tunnel-wire.ts";

/** Connections of one worker, over all its listeners. */
export interface ConnectionGate {
  openCount: number;
  /** Asks for a place for a client; false when the limit of its network is reached. */
  enter(clientAddress: string): boolean;
  leave(clientAddress: string): void;
  readonly connectionsMax: number;
}

/** A client's connection, whatever it speaks. */
export type AcceptedConnection = ClientConnection | Http2ClientConnection | TunnelWire;

export class Listener {
  readonly config: ListenerConfig;
  private readonly context: WorkerContext;
  private readonly gate: ConnectionGate;
  private readonly security: GatewaySecurity;
  /** A bit for each lane that is let in. */
  private lanesMask = 0;
  private socket: Listening | null = null;
  private first: AcceptedConnection | null = null;
  openCount = 0;

  constructor(config: ListenerConfig, context: WorkerContext, gate: ConnectionGate, security: GatewaySecurity) {
    this.config = config;
    this.context = context;
    this.gate = gate;
    this.security = security;
    for (const lane of config.lanes) this.lanesMask |= 1 << laneOf(lane)!;
    if (config.lanes.length === 0) this.lanesMask = -1;
  }

  /** Whether requests of this lane may come in here. */
  letsIn(lane: Lane): boolean {
    return (this.lanesMask & (1 << lane)) !== 0;
  }

  /** Whether a connection from this address must begin with a PROXY header. */
  expectsProxyHeader(address: string): boolean {
    const { proxyProtocol } = this.config;
    return proxyProtocol !== null && isInNetworks(proxyProtocol.from, address);
  }

  /** Begins to accept on an inherited descriptor. */
  listen(fd: number): void {
    const tls = this.security.of(this.config.name);
    // Connections inherit it from the socket they were accepted on.
    if (this.config.busyPollUs > 0) setSocketOption(fd, SocketOption.busyPoll, this.config.busyPollUs);
    markListening(fd, this.config, this.config.address);
    this.socket = listenOn(fd, (socket) => this.accept(socket), tls?.kind === "socket" ? tls.options : undefined);
  }

  /** Accepts no more; the descriptor's other holders go on. */
  stop(): void {
    this.socket?.stop();
    this.socket = null;
  }

  private accept(socket: WireSocket): void {
    if (this.config.priority > 0) markConnected(socket, this.config, this.config.address);
    const { context, gate } = this;
    const clientAddress = plainAddress(socket.remoteAddress ?? "");
    const isFull = gate.openCount >= gate.connectionsMax;
    if (isFull || !gate.enter(clientAddress)) {
      context.metrics.recordRefusal(isFull ? Outcome.tooManyConnections : Outcome.tooManyClientConnections);
      socket.terminate();
      return;
    }
    context.loop.refresh();
    const connection = new ClientConnection(context, this, clientAddress);
    adopt(socket, connection);
    if (this.config.noDelay) socket.setNoDelay(true);
    gate.openCount++;
    context.clientsCount++;
    this.openCount++;
    context.metrics.connectionOpened();
    connection.next = this.first;
    if (this.first !== null) this.first.previous = connection;
    this.first = connection;
    const tls = this.security.of(this.config.name);
    if (tls === null) connection.begin();
    else connection.awaitHandshake(tls.kind === "bytes" ? tls.context : null);
  }

  /** A connection goes on as another one, which speaks another protocol. */
  replace(connection: ClientConnection, other: Http2ClientConnection | TunnelWire): void {
    const { previous, next } = connection;
    other.previous = previous;
    other.next = next;
    if (previous === null) this.first = other;
    else previous.next = other;
    if (next !== null) next.previous = other;
    connection.previous = null;
    connection.next = null;
  }

  tunnelClosed(wire: TunnelWire): void {
    this.closed(wire);
  }

  /** A connection is gone. */
  closed(connection: AcceptedConnection): void {
    const { previous, next } = connection;
    if (previous !== null) previous.next = next;
    else this.first = next;
    if (next !== null) next.previous = previous;
    connection.previous = null;
    connection.next = null;
    this.openCount--;
    this.gate.openCount--;
    this.context.clientsCount--;
    this.gate.leave(connection.acceptedFrom);
    this.context.metrics.connectionClosed();
  }

  /**
   * Lets idle connections end at times spread over the second half of `spreadMs`, so that clients do not all come back at
   * once. In the first half the next answer says `Connection: close`, which no request can cross on its way; only who asks
   * for nothing for that long is closed without notice.
   */
  drain(spreadMs: number): void {
    const { loop, random } = this.context;
    for (let connection = this.first; connection !== null; connection = connection.next) {
      connection.drain(loop.nowMs + ((1 + random.unit()) * spreadMs) / 2);
    }
  }

  /** Cuts what is still open. */
  destroyAll(): void {
    while (this.first !== null) this.first.destroy();
  }
}

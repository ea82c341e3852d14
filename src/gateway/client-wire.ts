/** What every connection of a client is, whatever it speaks: its place in the listener's list, and who the client is. @hot */
import type { Lane } from "../lanes/mod.ts";
import { type TlsPeerCertificate, Wire } from "../transport/mod.ts";
import type { WorkerContext } from "./context.ts";
import type { AcceptedConnection, Listener } from "./listener.ts";

export abstract class ClientWire extends Wire {
  readonly context: WorkerContext;
  /** A number that differs between the connections of a worker, as far as it reaches. */
  readonly serial: number;
  protected readonly listener: Listener;
  /** The address the connection came from; `clientAddress` differs where a PROXY header said so. */
  readonly acceptedFrom: string;
  clientAddress: string;
  isTrusted: boolean;
  /** Neighbours in the listener's list; the listener's. */
  previous: AcceptedConnection | null = null;
  next: AcceptedConnection | null = null;

  constructor(context: WorkerContext, listener: Listener, acceptedFrom: string, serial: number) {
    super();
    this.context = context;
    this.serial = serial;
    this.listener = listener;
    this.acceptedFrom = acceptedFrom;
    this.clientAddress = acceptedFrom;
    this.isTrusted = context.settings.isTrusted(acceptedFrom);
  }

  get scheme(): "http" | "https" {
    return this.facts === null ? "http" : "https";
  }

  letsIn(lane: Lane): boolean {
    return this.listener.letsIn(lane);
  }

  get certificate(): TlsPeerCertificate | undefined {
    return this.facts?.peerCertificate;
  }
}

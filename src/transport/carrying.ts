/** What carries a wire, and where wires come from: accepted from a listening socket, or made by calling out. */
import type { Wire } from "./wire.ts";

/** What a wire needs of its socket. The runtime's own sockets, which carry its TLS, offer the same. */
export interface WireSocket {
  /** The wire that the socket carries. */
  data: Wire;
  readonly remoteAddress: string;
  /** Sends `bytes[from, from + length)`; returns how much was taken, or a negative number where the socket is closing. */
  write(bytes: Uint8Array, from: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Sends the end of the stream; the peer may still send. */
  shutdown(): void;
  /** Closes; what was taken is still delivered. */
  end(): void;
  /** Closes with a reset. */
  terminate(): void;
  setNoDelay(isNoDelay: boolean): unknown;
}

/** Where a wire leads to. */
export type WireAddress =
  /** `name` is the host name the address was found under. */
  | { readonly kind: "ip"; readonly host: string; readonly port: number; readonly name?: string }
  | { readonly kind: "unix"; readonly path: string };

/** What a listening socket does with a new connection: gives it a wire with `adopt`, or terminates it. */
export type Accept = (socket: WireSocket) => void;

/** A socket that accepts. */
export interface Listening {
  /** Accepts no more; other holders of the descriptor go on. */
  stop(): void;
}

/** A wire that is made by calling out. */
export interface OutgoingWire extends Wire {
  /** The connection is open; `wire.socket` is set. */
  onConnected(): void;
  /** It could not be made; `error` is the system's code, such as ECONNREFUSED. */
  onConnectFailed(error: string): void;
}

/** Lets a wire carry an open socket from now on. */
export function adopt(socket: WireSocket, wire: Wire): void {
  wire.socket = socket;
  socket.data = wire;
}

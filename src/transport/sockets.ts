/**
 * Sockets for wires: Weir's own, past the runtime, but for connections whose TLS is inside the runtime's.
 */
import type { Accept, Listening, OutgoingWire, WireAddress } from "./carrying.ts";
import { NativeConnect } from "./native-connect.ts";
import { NativeListener } from "./native-listener.ts";
import { connectSecured, listenSecured } from "./runtime-sockets.ts";

/**
 * Serves an inherited listening socket. `accept` runs for each connection before anything is read from it. `tls` is for the
 * runtime's own TLS; the wire's `onSecure` then comes later.
 */
export function listenOn(fd: number, accept: Accept, tls?: Bun.TLSOptions): Listening {
  return tls === undefined ? new NativeListener(fd, accept) : listenSecured(fd, accept, tls);
}

/**
 * Begins a connection. The outcome arrives later as `onConnected` or `onConnectFailed`, never as an exception. A wire that is
 * destroyed before gets neither, except with `tls`, which is for the runtime's own: `onSecure` then follows `onConnected`.
 */
export function connectWire(wire: OutgoingWire, address: WireAddress, tls?: Bun.TLSOptions): void {
  if (tls === undefined) wire.connecting = new NativeConnect(wire, address);
  else connectSecured(wire, address, tls);
}

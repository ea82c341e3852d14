/**
 * The runtime's own sockets carrying wires, for connections whose TLS is the runtime's: the one place that names its callbacks.
 * A wire is the socket's `data`, so that a callback finds its connection without a look-up. An exception in a callback is
 * a broken invariant and ends the worker. @hot
 */
import type { Socket, SocketHandler, TCPSocketListenOptions } from "bun";
import { AssertionError } from "../base/mod.ts";
import { type Accept, adopt, type Listening, type OutgoingWire, type WireAddress } from "./carrying.ts";
import { crash } from "./crash.ts";
import { peerCertificateOf, type TlsPeerCertificate } from "./tls/mod.ts";
import type { Wire } from "./wire.ts";
import type { SecurityFacts } from "./wire-security.ts";

const carried: Omit<SocketHandler<Wire>, "open"> = {
  data(socket, chunk) {
    socket.data?.handleData(chunk, 0, chunk.length);
  },
  // Only sockets whose TLS is the runtime's own come here.
  handshake(socket, success, error) {
    const wire = socket.data;
    if (wire === undefined || wire.socket === null) return;
    const peerCertificate = peerCertificateOf(socket);
    // The runtime reports a missing client certificate as an error too, though none was demanded.
    const isSound = success && (error === null || error === undefined || peerCertificate === undefined);
    const isTaken = isSound || (wire.takesAnyPeer && peerCertificate !== undefined);
    if (!isTaken) wire.onSecurityFailed(errorCode(error));
    else wire.handleSecure(runtimeFacts(socket, peerCertificate));
  },
  drain(socket) {
    socket.data?.handleDrain();
  },
  end(socket) {
    socket.data?.handleEnd();
  },
  close(socket, error) {
    socket.data?.handleClose(errorCode(error));
  },
  error(_socket, error) {
    // Bun reports what a callback threw here too; system errors are followed by `close`, which carries them.
    if (errorCode(error) === "" || error instanceof AssertionError) crash(error);
  },
};

/** Facts that are the same for many connections, by what tells them apart; an idle connection then costs nothing for them. */
const sharedFacts = new Map<string, SecurityFacts>();
/** Names come from clients, so what is remembered has a bound. */
const SHARED_FACTS_MAX = 256;

/** @cold once a connection */
function runtimeFacts(socket: Socket<Wire>, peerCertificate: TlsPeerCertificate | undefined): SecurityFacts {
  const facts: SecurityFacts = {
    alpn: socket.alpnProtocol || "",
    serverName: socket.getServername() || "",
    version: socket.getTLSVersion() === "TLSv1.2" ? "1.2" : "1.3",
    isResumed: socket.isSessionReused(),
    peerCertificate,
  };
  if (peerCertificate !== undefined) return facts;
  const key = JSON.stringify(facts);
  const shared = sharedFacts.get(key);
  if (shared !== undefined) return shared;
  if (sharedFacts.size === SHARED_FACTS_MAX) sharedFacts.clear();
  sharedFacts.set(key, facts);
  return facts;
}

/** Serves an inherited listening socket with the runtime's TLS. @cold */
export function listenSecured(fd: number, accept: Accept, tls: Bun.TLSOptions): Listening {
  const socket: SocketHandler<Wire> = {
    ...carried,
    open(accepted) {
      accept(accepted);
    },
  };
  // Bun takes an inherited descriptor here, although its types do not say so.
  const options = { fd, allowHalfOpen: true, socket, tls } as unknown as TCPSocketListenOptions<Wire>;
  const listener = Bun.listen<Wire>(options);
  return { stop: () => listener.stop(false) };
}

const outgoing: SocketHandler<Wire> = {
  ...carried,
  open(socket) {
    const wire = socket.data as OutgoingWire;
    adopt(socket, wire);
    wire.onConnected();
  },
  connectError(socket, error) {
    (socket.data as OutgoingWire).onConnectFailed(errorCode(error));
  },
};

/** Begins a connection with the runtime's TLS. @cold */
export function connectSecured(wire: OutgoingWire, address: WireAddress, tls: Bun.TLSOptions): void {
  const options = { allowHalfOpen: true, socket: outgoing, data: wire as Wire, tls };
  const attempt =
    address.kind === "unix"
      ? Bun.connect<Wire>({ ...options, unix: address.path })
      : Bun.connect<Wire>({ ...options, hostname: address.host, port: address.port });
  attempt.catch(ignoreReportedFailure);
}

/** A failed connect is reported by `connectError` first; the promise repeats it. */
function ignoreReportedFailure(error: unknown): void {
  if (errorCode(error) === "") crash(error);
}

function errorCode(error: unknown): string {
  if (error === undefined || error === null) return "";
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : "";
}

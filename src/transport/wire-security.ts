/**
 * TLS on a wire: between the socket's bytes and the wire's. @hot
 *
 *     socket ──► session.receive ──► wire.onBytes         wire.write ──► session.write ──► wire.writeRaw ──► socket
 *
 * The wire above does not notice, except that it is told when the handshake is done (`onSecure`) and that its backlog counts
 * encrypted bytes. A peer that ends its stream without saying so inside TLS may have been cut off by somebody else: that
 * is told by `isTruncated`.
 */
import type { TlsHandler, TlsPeerCertificate, TlsSession, TlsVersion } from "./tls/mod.ts";
import type { Wire } from "./wire.ts";

/** What is known of a secured connection, whichever engine secured it. */
export interface SecurityFacts {
  /** The protocol chosen by ALPN, or an empty string. */
  readonly alpn: string;
  readonly serverName: string;
  readonly version: TlsVersion;
  readonly isResumed: boolean;
  readonly peerCertificate: TlsPeerCertificate | undefined;
}

export class WireSecurity implements TlsHandler {
  readonly session: TlsSession;
  private wire: Wire;
  private isGathering = false;
  private isPosting = false;
  private isPeerEnded = false;
  isTruncated = false;

  constructor(wire: Wire, open: (handler: TlsHandler) => TlsSession) {
    this.wire = wire;
    this.session = open(this);
  }

  /** Lets another wire go on with this connection. */
  moveTo(wire: Wire): void {
    this.wire = wire;
  }

  receive(bytes: Uint8Array, from: number, to: number): void {
    this.session.receive(bytes, from, to);
  }

  write(bytes: Uint8Array, from: number, to: number): void {
    this.session.write(bytes, from, to);
  }

  gather(bytes: Uint8Array, from: number, to: number): void {
    this.isGathering = true;
    this.session.write(bytes, from, to);
    this.isGathering = false;
  }

  post(bytes: Uint8Array, from: number, to: number): void {
    this.isPosting = true;
    this.session.write(bytes, from, to);
    this.isPosting = false;
  }

  /** The socket's stream ended. */
  endReceived(): void {
    if (this.isPeerEnded) return;
    this.isPeerEnded = true;
    if (this.session.state === "open") this.isTruncated = true;
    if (this.session.state === "open" || this.session.state === "closing") this.wire.onPeerEnd();
    else if (this.session.state !== "closed") this.wire.onSecurityFailed("the peer closed during the handshake");
  }

  onSecure(): void {
    this.wire.handleSecure(this.session);
  }

  onPlaintext(bytes: Uint8Array, from: number, to: number): void {
    // A wire that was closed while its plaintext was handed out gets no more of it.
    if (this.wire.socket !== null) this.wire.onBytes(bytes, from, to);
  }

  onCiphertext(bytes: Uint8Array, from: number, to: number): void {
    const wire = this.wire;
    // A late answer to a key update has no way out any more.
    if (wire.isEnding) return;
    if (this.isGathering) wire.gatherRaw(bytes, from, to);
    else if (this.isPosting) wire.postRaw(bytes, from, to);
    else wire.writeRaw(bytes, from, to);
  }

  onPeerClosed(): void {
    if (this.isPeerEnded) return;
    this.isPeerEnded = true;
    if (this.wire.socket !== null) this.wire.onPeerEnd();
  }

  onFailure(reason: string): void {
    if (this.wire.socket !== null) this.wire.onSecurityFailed(reason);
  }
}

/**
 * What a TLS engine is to the rest of Weir.
 *
 * A *byte engine* takes bytes in and gives bytes out, over sockets that are Weir's own: the connection hands every chunk it
 * reads to `receive` and gets plaintext by `onPlaintext` and what must go to the peer by `onCiphertext`. So one port can look
 * at a ClientHello and choose, and write gathering and backpressure are the same with and without TLS.
 *
 *     socket -- bytes --> session.receive --> handler.onPlaintext(bytes, from, to)
 *     socket <-- bytes -- handler.onCiphertext <-- session.write(bytes, from, to)
 *
 * A *socket engine* (Bun's own TLS) owns the socket's bytes instead: it gives the options for `Bun.listen` and
 * `Bun.connect`, and the connection sees plaintext in its ordinary socket events.
 *
 * Memory: `receive` may write on the range it is given (records are decrypted in place). What `onPlaintext` and `onCiphertext`
 * give is valid during the call only, for it lies in memory shared by all sessions of a worker.
 *
 * Limits: a handler must not feed another session's `receive` from inside one of its own calls.
 */

/** Where a session stands. `closing`: the peer said it sends no more; `closed`: freed, ended or failed. */
export type TlsState = "hello" | "handshake" | "open" | "closing" | "closed";

export type TlsVersion = "1.2" | "1.3";

/** A certificate chain with its private key, as read from files. */
export interface TlsCertificate {
  /** Server names it answers for, lower case, `*.` in front for one label. Taken from the certificate where not configured. */
  readonly names: readonly string[];
  /** Leaf first, then intermediates. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** A stapled OCSP answer, DER. */
  readonly ocsp?: Uint8Array;
}

export type TlsClientCertificateMode = "none" | "optional" | "required";

export interface TlsServerSettings {
  /** The listener's name: sessions of one listener never resume on another. */
  readonly name: string;
  /** The first one answers clients whose server name matches none. */
  readonly certificates: readonly TlsCertificate[];
  readonly versionMin: TlsVersion;
  /** In order of preference; empty: no ALPN. A client that offers names of which none is here is refused. */
  readonly alpn: readonly string[];
  readonly clientCertificates: { readonly mode: TlsClientCertificateMode; readonly authoritiesPem?: string };
  /** Refuse clients that send no name, or one that no certificate has, instead of using the first certificate. */
  readonly requireKnownName: boolean;
  /** How long a session can be resumed. */
  readonly sessionLifetimeSeconds: number;
}

export interface TlsClientSettings {
  /** Whether the certificate is verified. */
  readonly verify: boolean;
  /** Authorities instead of the system's. */
  readonly authoritiesPem?: string;
  readonly versionMin: TlsVersion;
  readonly alpn: readonly string[];
  readonly certificate?: TlsCertificate;
}

/** Length of one ticket key: 16 bytes of name, 32 for the MAC, 32 for the cipher. */
export const TICKET_KEY_BYTES = 80;

/** The peer's certificate. */
export interface TlsPeerCertificate {
  /** RFC 2253, for example `CN=desk-7,O=Broker`. */
  readonly subject: string;
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly der: Uint8Array;
}

/** What a session tells its connection. Nothing here may throw. */
export interface TlsHandler {
  /** The handshake is done: `alpn`, `serverName`, `peerCertificate` and `isResumed` can be read. */
  onSecure(): void;
  /** Bytes from the peer, decrypted and authenticated; valid during the call. */
  onPlaintext(bytes: Uint8Array, from: number, to: number): void;
  /** Bytes for the peer. All of them must be taken: what the socket does not accept is the connection's to keep. */
  onCiphertext(bytes: Uint8Array, from: number, to: number): void;
  /** The peer closed its side in good order (close_notify). Writing is still possible. */
  onPeerClosed(): void;
  /** The session failed and an alert, if one is due, was given to `onCiphertext`. Close the socket. `reason` is for people. */
  onFailure(reason: string): void;
}

export interface TlsSession {
  readonly state: TlsState;
  /** The protocol chosen by ALPN, or an empty string. */
  readonly alpn: string;
  /** The server name the client sent (or was sent), lower case, or an empty string. */
  readonly serverName: string;
  readonly version: TlsVersion;
  readonly isResumed: boolean;
  readonly peerCertificate: TlsPeerCertificate | undefined;
  /** Begins a client's handshake; nothing on a server. */
  start(): void;
  /** Takes bytes read from the socket, and may write on them. */
  receive(bytes: Uint8Array, from: number, to: number): void;
  /** Encrypts and gives the result to `onCiphertext` before it returns. Only when `state` is open or closing. */
  write(bytes: Uint8Array, from: number, to: number): void;
  /** Says close_notify. */
  shutdown(): void;
  /** Frees what the session holds. The session must not be used again; calling it twice does nothing. */
  free(): void;
}

/** Settings that are ready to be used. Exactly one of its functions is called, once. */
export interface TlsServerUpdate {
  /** New sessions get the new settings; those that exist go on with the old ones. */
  commit(): void;
  discard(): void;
}

export interface TlsServerContext {
  /** Makes the server's side of a new connection. */
  session(handler: TlsHandler): TlsSession;
  /** Builds other certificates and settings beside those in force. Throws if they cannot be used. */
  prepare(settings: TlsServerSettings): TlsServerUpdate;
  /** Keys of session tickets, current one first; the others are still accepted. Shared by all workers and generations. */
  setTicketKeys(keys: readonly Uint8Array[]): void;
  free(): void;
}

export interface TlsClientContext {
  /** Makes the client's side of a new connection; `serverName` is sent and verified. */
  session(handler: TlsHandler, serverName: string): TlsSession;
  free(): void;
}

export interface TlsByteEngine {
  readonly kind: "bytes";
  readonly name: "openssl";
  /** Version of the library, for people. */
  readonly version: string;
  server(settings: TlsServerSettings): TlsServerContext;
  client(settings: TlsClientSettings): TlsClientContext;
}

/** The engine whose TLS is inside the runtime's sockets. */
export interface TlsSocketEngine {
  readonly kind: "socket";
  readonly name: "bun";
  readonly version: string;
  /** For `Bun.listen({ tls })`. */
  listenOptions(settings: TlsServerSettings): Bun.TLSOptions;
  /** For `Bun.connect({ tls })`. */
  connectOptions(settings: TlsClientSettings, serverName: string): Bun.TLSOptions;
}

export type TlsEngine = TlsByteEngine | TlsSocketEngine;

/** TLS engines, bytes in and bytes out, and what a ClientHello says. */
export { bunEngine, peerCertificateOf } from "./bun-engine.ts";
export { type EngineChoice, tlsEngine } from "./choose-engine.ts";
export { ClientHello, HELLO_BYTES_MAX, HelloResult } from "./client-hello.ts";
export {
  TICKET_KEY_BYTES,
  type TlsByteEngine,
  type TlsCertificate,
  type TlsClientCertificateMode,
  type TlsClientContext,
  type TlsClientSettings,
  type TlsEngine,
  type TlsHandler,
  type TlsPeerCertificate,
  type TlsServerContext,
  type TlsServerSettings,
  type TlsServerUpdate,
  type TlsSession,
  type TlsSocketEngine,
  type TlsState,
  type TlsVersion,
} from "./engine.ts";
export { Loopback, LoopbackEnd } from "./loopback.ts";
export { openSslEngine } from "./openssl-engine.ts";
export { selfCheckCertificate } from "./self-check.ts";

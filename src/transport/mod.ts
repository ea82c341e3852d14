/** TCP and Unix sockets with write gathering, backpressure, socket options and listening descriptors. */

export { acquireBlock, BLOCK_BYTES, releaseBlock } from "./blocks.ts";
export {
  type Accept,
  adopt,
  type Listening,
  type OutgoingWire,
  type WireAddress,
  type WireSocket,
} from "./carrying.ts";
export { crash } from "./crash.ts";
export {
  allowedCpus,
  bindSocket,
  closeDescriptor,
  connectSocket,
  type DescriptorLimit,
  descriptorLimit,
  freeHelpers,
  getSocketOption,
  listenSocket,
  localAddress,
  openSocket,
  pinProcess,
  type SocketAddress,
  SocketOption,
  SystemCallError,
  setDescriptorLimit,
  setInheritable,
  setSocketOption,
  steerReusePort,
  unsteerReusePort,
} from "./libc.ts";
export {
  formatSocketAddress,
  isAnswering,
  isFree,
  type ListenOptions,
  openListeningSocket,
  probeAddress,
} from "./listening-socket.ts";
export { type Marks, markConnected, markListening, marksOf } from "./marking.ts";
export { poller } from "./poller.ts";
export { atRoundEnd, type RoundWriter } from "./round.ts";
export { askTime, type TimeAnswer } from "./sntp.ts";
export { findHolder, type SocketHolder } from "./socket-holder.ts";
export { connectWire, listenOn } from "./sockets.ts";
export {
  Loopback,
  openSslEngine,
  selfCheckCertificate,
  type TlsCertificate,
  type TlsClientContext,
  type TlsClientSettings,
  type TlsEngine,
  type TlsHandler,
  type TlsPeerCertificate,
  type TlsServerContext,
  type TlsServerSettings,
  type TlsSession,
  tlsEngine,
} from "./tls/mod.ts";
export { Wire } from "./wire.ts";
export { type SecurityFacts, WireSecurity } from "./wire-security.ts";

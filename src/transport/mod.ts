/** TCP and Unix sockets with socket options and listening descriptors. */
export {
  bindSocket,
  closeDescriptor,
  connectSocket,
  type DescriptorLimit,
  descriptorLimit,
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
} from "./libc.ts";
export {
  formatSocketAddress,
  isAnswering,
  type ListenOptions,
  openListeningSocket,
  removeSocketFile,
} from "./listening-socket.ts";
export { findHolder, type SocketHolder } from "./socket-holder.ts";

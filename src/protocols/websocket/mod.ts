/** WebSocket on the wire (RFC 6455, 7692, 8441): handshake, frames and masking, as functions over bytes. */
export { agreedDeflate, deflateName, deflateParameters, type Extension, parseExtensions } from "./deflate.ts";
export { acceptKey, type HandshakeFault, isKey, judgeAnswer, judgeRequest } from "./handshake.ts";
export { applyMask, readKey } from "./mask.ts";
export {
  defaultWebSocketLimits,
  Opcode,
  type WebSocketEvents,
  type WebSocketLimits,
  WebSocketReader,
  type WebSocketReaderOptions,
} from "./reader.ts";
export { checkMaskedUtf8, checkUtf8, utf8Broken, utf8Whole } from "./utf8.ts";
export {
  CloseCode,
  isCloseCode,
  violationCloseCode,
  WebSocketViolation,
  type WebSocketViolationRow,
  webSocketViolationRow,
  webSocketViolationRows,
} from "./violations.ts";
export { firstByte, frameHeadBytesMax, putClose, putFrame, putHead } from "./writer.ts";

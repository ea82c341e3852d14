/** HTTP/2 and HPACK on the wire (RFC 9113, 7541, 8441), as functions and state machines over bytes. */

export { Http2Connection } from "./connection.ts";
export { type ConnectionEvents, Http2Shared } from "./connection-core.ts";
export { FieldList } from "./field-list.ts";
export { type FrameHandler, FrameReader } from "./frame-reader.ts";
export {
  Flag,
  FrameType,
  frameBytesDefault,
  frameBytesMax,
  frameHeadBytes,
  preface,
  putFrameHead,
  putUint32,
  readUint31,
  readUint32,
  streamIdMax,
  windowBytesDefault,
  windowBytesMax,
  writeGoaway,
  writeNumberFrame,
  writePing,
  writeSettingsAck,
} from "./frames.ts";
export { HpackDecoder } from "./hpack-decoder.ts";
export { HpackEncoder } from "./hpack-encoder.ts";
export { defaultHttp2Limits, type FloodLimit, type Http2Limits } from "./limits.ts";
export { readRequest, readResponse, readTrailers } from "./message.ts";
export { Output } from "./output.ts";
export { Sender } from "./sender.ts";
export { isSettingsLength, type Role, Setting } from "./settings.ts";
export { type Http2Stream, StreamPool } from "./stream.ts";
export {
  ErrorCode,
  isFlood,
  Violation,
  type ViolationRow,
  violationRow,
  violationRows,
} from "./violations.ts";

/** HTTP/2 and HPACK on the wire (RFC 9113, 7541, 8441), as functions and state machines over bytes. */
export { FieldList } from "./field-list.ts";
export { Flag, FrameType, frameHeadBytes, preface } from "./frames.ts";
export { HpackDecoder } from "./hpack-decoder.ts";
export { HpackEncoder } from "./hpack-encoder.ts";
export { readRequest, readResponse, readTrailers } from "./message.ts";
export { Output } from "./output.ts";
export { ErrorCode, Violation, type ViolationRow, violationCode, violationRow, violationRows } from "./violations.ts";

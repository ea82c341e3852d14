/** HTTP/1.1 on the wire: heads, the chunked coding and writers, as functions over bytes. */
export { authorityHostEnd, isIpv6Address } from "./authority.ts";
export { isToken, isValue, isWord, lowerCase } from "./bytes.ts";
export { ChunkedReader } from "./chunked.ts";
export { listHolds } from "./connection.ts";
export {
  FieldId,
  fieldIdOf,
  fieldNames,
  isConnectionField,
  isForbiddenInTrailer,
  isProtectedField,
} from "./fields.ts";
export { readFraming } from "./framing.ts";
export {
  BodyKind,
  defaultHttp1Limits,
  fieldText,
  type Http1Limits,
  MessageHead,
  Method,
  rangeText,
  TargetForm,
} from "./head.ts";
export { looksLikeHttp2Preface, parseRequestHead } from "./request.ts";
export { methodIdOf, parsePathAndQuery } from "./request-line.ts";
export { parseResponseHead } from "./response.ts";
export {
  fieldMask,
  reasonPhrase,
  writeBytes,
  writeChunkSize,
  writeField,
  writeFields,
  writeHex,
  writeLastChunk,
  writeLineEnd,
  writeRequestLine,
  writeStatusLine,
  writeTarget,
} from "./writer.ts";

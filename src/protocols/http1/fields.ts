/**
 * Field names the gateway knows, as small integers. @hot
 *
 * A name is found by one look into a table whose key mixes its length and four of its bytes, and one comparison;
 * the mix that gives every known name a place of its own is searched when the module loads.
 */
import { assert } from "../../base/mod.ts";

/** Ids are stable within a process only. The first 32 have a bit in `MessageHead.repeatedMask`. */
export const FieldId = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  expect: 5,
  upgrade: 6,
  te: 7,
  trailer: 8,
  keepAlive: 9,
  proxyConnection: 10,
  proxyAuthorization: 11,
  proxyAuthenticate: 12,
  http2Settings: 13,
  forwarded: 14,
  forwardedFor: 15,
  forwardedProto: 16,
  forwardedHost: 17,
  via: 18,
  traceparent: 19,
  tracestate: 20,
  requestId: 21,
  idempotencyKey: 22,
  authorization: 23,
  cookie: 24,
  date: 25,
  server: 26,
  retryAfter: 27,
  contentType: 28,
  origin: 29,
  webSocketKey: 30,
  webSocketVersion: 31,
  webSocketAccept: 32,
  webSocketProtocol: 33,
  webSocketExtensions: 34,
  priority: 35,
  accept: 36,
  acceptEncoding: 37,
  contentEncoding: 38,
  userAgent: 39,
  setCookie: 40,
  cacheControl: 41,
  location: 42,
  maxForwards: 43,
  contentRange: 44,
  range: 45,
  forwardedPort: 46,
  realIp: 47,
  wwwAuthenticate: 48,
  age: 49,
  expires: 50,
  vary: 51,
  pragma: 52,
  ifMatch: 53,
  ifNoneMatch: 54,
  ifModifiedSince: 55,
  ifUnmodifiedSince: 56,
  ifRange: 57,
  etag: 58,
  lastModified: 59,
  allow: 60,
  baggage: 61,
} as const;
export type FieldId = (typeof FieldId)[keyof typeof FieldId];

/** Names by id, in lower case. */
export const fieldNames: readonly string[] = Object.keys(FieldId).map((key) => {
  const special: Readonly<Record<string, string>> = {
    other: "",
    forwardedFor: "x-forwarded-for",
    forwardedProto: "x-forwarded-proto",
    forwardedHost: "x-forwarded-host",
    forwardedPort: "x-forwarded-port",
    requestId: "x-request-id",
    realIp: "x-real-ip",
    http2Settings: "http2-settings",
    webSocketKey: "sec-websocket-key",
    webSocketVersion: "sec-websocket-version",
    webSocketAccept: "sec-websocket-accept",
    webSocketProtocol: "sec-websocket-protocol",
    webSocketExtensions: "sec-websocket-extensions",
  };
  return special[key] ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
});

/**
 * Fields that belong to one connection and are never passed on (RFC 9110 section 7.6.1). The proxy credentials are among
 * them because Weir speaks for the origin: they were meant for a proxy in front of it.
 */
export const isConnectionField = new Uint8Array(256);
for (const id of [
  FieldId.connection,
  FieldId.transferEncoding,
  FieldId.upgrade,
  FieldId.te,
  FieldId.trailer,
  FieldId.keepAlive,
  FieldId.proxyConnection,
  FieldId.proxyAuthorization,
  FieldId.proxyAuthenticate,
  FieldId.http2Settings,
]) {
  isConnectionField[id] = 1;
}

/**
 * Fields a Connection field must not name: what frames or routes a message, says who sent it or what the upstream decides by.
 * Letting a client strike them out would let it forge a message that the gateway did not judge, so such a message is refused
 * (RFC 9110 section 7.6.1 forbids senders to do it).
 */
export const isProtectedField = new Uint8Array(256);
for (let id = 1; id < fieldNames.length; id++) isProtectedField[id] = isConnectionField[id] === 1 ? 0 : 1;

/**
 * Fields that must not stand in a trailer section: framing, routing, authentication, request modifiers, response control
 * and content headers (RFC 9110 section 6.5.1). They are dropped. That is every name known here but the few listed.
 */
export const isForbiddenInTrailer = new Uint8Array(256);
for (let id = 1; id < fieldNames.length; id++) isForbiddenInTrailer[id] = 1;
for (const id of [FieldId.etag, FieldId.lastModified, FieldId.tracestate]) isForbiddenInTrailer[id] = 0;

const NAME_BYTES_MAX = 32;
const SLOTS = 1024;
const known = new Uint8Array(fieldNames.length * NAME_BYTES_MAX);
const knownLength = new Uint8Array(fieldNames.length);
const slots = new Uint8Array(SLOTS);

for (let id = 1; id < fieldNames.length; id++) {
  const name = fieldNames[id]!;
  knownLength[id] = name.length;
  for (let index = 0; index < name.length; index++) known[id * NAME_BYTES_MAX + index] = name.charCodeAt(index);
}
const multiplier = findMultiplier();

function slotOf(bytes: Uint8Array, from: number, length: number, factor: number): number {
  const first = bytes[from]! | 0x20;
  const middle = bytes[from + (length >> 1)]! | 0x20;
  const last = bytes[from + length - 1]! | 0x20;
  const behindMiddle = bytes[from + length - ((length + 2) >> 2)]! | 0x20;
  return Math.imul((first << 21) ^ (middle << 14) ^ (behindMiddle << 7) ^ (last << 3) ^ length, factor) >>> 22;
}

function findMultiplier(): number {
  for (let factor = 0x9e3779b1; factor > 0; factor -= 2) {
    slots.fill(0);
    let id = 1;
    for (; id < fieldNames.length; id++) {
      const slot = slotOf(known, id * NAME_BYTES_MAX, knownLength[id]!, factor);
      if (slots[slot] !== 0) break;
      slots[slot] = id;
    }
    if (id === fieldNames.length) return factor;
  }
  assert(false, "no multiplier separates the known field names");
}

/**
 * The id of the name in `bytes[from, to)`, without regard to case; `FieldId.other` when it is not known. The range must hold
 * token bytes only: among those, setting bit 5 makes letters small and turns nothing else into a byte of a known name.
 */
export function fieldIdOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  if (length === 0) return 0;
  const id = slots[slotOf(bytes, from, length, multiplier)]!;
  if (knownLength[id] !== length) return 0;
  const shift = id * NAME_BYTES_MAX - from;
  let difference = 0;
  for (let offset = from; offset < to; offset++) difference |= (bytes[offset]! | 0x20) ^ known[offset + shift]!;
  return difference === 0 ? id : 0;
}

/** @hot
 * Reads a TLS ClientHello (RFC 8446 section 4.1.2) before any library sees it, so that one port can choose by what a client
 * offers: the certificate by server name, the engine by cipher suites, the OCSP answer by whether it is asked for.
 *
 * It trades completeness for certainty: what does not have the exact form is refused here, and what is accepted is still
 * given unchanged to the engine, which has the last word. Fields are offsets into the given bytes; nothing is copied.
 *
 *     record:    16 03 xx length(2) | handshake: 01 length(3) | version(2) random(32) session id<..32> suites<2..>
 *                compression<1..> extensions<..>: type(2) length(2) body
 *
 * Limits: the hello may span several records but not more than the bytes given; the connection bounds those.
 */

/** Result of `ClientHello.read`. */
export const HelloResult = { complete: 0, incomplete: 1, malformed: 2, notTls: 3 } as const;
export type HelloResult = (typeof HelloResult)[keyof typeof HelloResult];

/** A hello over this is refused: the largest seen from browsers with post-quantum shares are below 4 KB. */
export const HELLO_BYTES_MAX = 16_384;

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const RECORD_HANDSHAKE = 22;
const MESSAGE_CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_STATUS_REQUEST = 5;
const EXTENSION_ALPN = 16;
const EXTENSION_SUPPORTED_VERSIONS = 43;
const NAME_BYTES_MAX = 253;

/** A reader that is used again for every connection. Offsets refer to `bytes`; 0 length means absent. */
export class ClientHello {
  /** The message without record headers: the given bytes, or `joined` where it spans records. */
  bytes: Uint8Array = new Uint8Array(0);
  serverNameFrom = 0;
  serverNameTo = 0;
  /** The list of ALPN names, each with its length before it. */
  alpnFrom = 0;
  alpnTo = 0;
  suitesFrom = 0;
  suitesTo = 0;
  asksForStatus = false;
  offersTls13 = false;
  private readonly joined = new Uint8Array(HELLO_BYTES_MAX);

  /** Reads the hello at the start of `bytes[from, to)`. */
  read(bytes: Uint8Array, from: number, to: number): HelloResult {
    this.clear();
    const available = to - from;
    if (available > 0 && bytes[from] !== RECORD_HANDSHAKE) return HelloResult.notTls;
    if (available > 1 && bytes[from + 1] !== 3) return HelloResult.notTls;
    if (available < RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES) return this.shortResult(bytes, from, to);
    const recordBytes = uint16(bytes, from + 3);
    if (recordBytes < HANDSHAKE_HEADER_BYTES || recordBytes > HELLO_BYTES_MAX) return HelloResult.malformed;
    const at = from + RECORD_HEADER_BYTES;
    if (bytes[at] !== MESSAGE_CLIENT_HELLO) return HelloResult.malformed;
    const messageBytes = uint24(bytes, at + 1) + HANDSHAKE_HEADER_BYTES;
    if (messageBytes > HELLO_BYTES_MAX) return HelloResult.malformed;
    if (messageBytes > recordBytes) return this.readJoined(bytes, from, to, messageBytes);
    if (messageBytes !== recordBytes) return HelloResult.malformed;
    if (available < RECORD_HEADER_BYTES + recordBytes) return HelloResult.incomplete;
    this.bytes = bytes;
    return this.readMessage(at + HANDSHAKE_HEADER_BYTES, at + messageBytes);
  }

  private shortResult(bytes: Uint8Array, from: number, to: number): HelloResult {
    if (to - from > RECORD_HEADER_BYTES && bytes[from + RECORD_HEADER_BYTES] !== MESSAGE_CLIENT_HELLO) {
      return HelloResult.malformed;
    }
    return HelloResult.incomplete;
  }

  private readJoined(bytes: Uint8Array, from: number, to: number, messageBytes: number): HelloResult {
    let at = from;
    let filled = 0;
    while (filled < messageBytes) {
      if (to - at < RECORD_HEADER_BYTES) return HelloResult.incomplete;
      if (bytes[at] !== RECORD_HANDSHAKE || bytes[at + 1] !== 3) return HelloResult.malformed;
      const recordBytes = uint16(bytes, at + 3);
      at += RECORD_HEADER_BYTES;
      if (recordBytes === 0 || filled + recordBytes > messageBytes) return HelloResult.malformed;
      if (to - at < recordBytes) return HelloResult.incomplete;
      for (let offset = 0; offset < recordBytes; offset++) this.joined[filled + offset] = bytes[at + offset]!;
      filled += recordBytes;
      at += recordBytes;
    }
    this.bytes = this.joined;
    return this.readMessage(HANDSHAKE_HEADER_BYTES, messageBytes);
  }

  private readMessage(from: number, to: number): HelloResult {
    const bytes = this.bytes;
    let at = from + 2 + 32;
    if (at >= to) return HelloResult.malformed;
    const sessionIdBytes = bytes[at]!;
    at += 1 + sessionIdBytes;
    if (sessionIdBytes > 32 || at + 2 > to) return HelloResult.malformed;
    const suitesBytes = uint16(bytes, at);
    at += 2;
    if (suitesBytes < 2 || suitesBytes % 2 !== 0 || at + suitesBytes >= to) return HelloResult.malformed;
    this.suitesFrom = at;
    at += suitesBytes;
    this.suitesTo = at;
    const compressionBytes = bytes[at]!;
    at += 1 + compressionBytes;
    if (compressionBytes === 0 || at > to) return HelloResult.malformed;
    if (at === to) return HelloResult.complete;
    if (at + 2 > to || at + 2 + uint16(bytes, at) !== to) return HelloResult.malformed;
    return this.readExtensions(at + 2, to);
  }

  private readExtensions(from: number, to: number): HelloResult {
    const bytes = this.bytes;
    let at = from;
    let seen = 0;
    while (at < to) {
      if (at + 4 > to) return HelloResult.malformed;
      const type = uint16(bytes, at);
      const bodyFrom = at + 4;
      at = bodyFrom + uint16(bytes, at + 2);
      if (at > to) return HelloResult.malformed;
      const bit = knownBit(type);
      if ((seen & bit) !== 0) return HelloResult.malformed;
      seen |= bit;
      if (!this.readExtension(type, bodyFrom, at)) return HelloResult.malformed;
    }
    return HelloResult.complete;
  }

  private readExtension(type: number, from: number, to: number): boolean {
    if (type === EXTENSION_SERVER_NAME) return this.readServerName(from, to);
    if (type === EXTENSION_ALPN) return this.readAlpn(from, to);
    if (type === EXTENSION_SUPPORTED_VERSIONS) return this.readVersions(from, to);
    if (type === EXTENSION_STATUS_REQUEST) this.asksForStatus = to > from && this.bytes[from] === 1;
    return true;
  }

  // RFC 6066 section 3: a list of names, of which only one, of type host_name, was ever defined.
  private readServerName(from: number, to: number): boolean {
    const bytes = this.bytes;
    if (to - from < 5 || from + 2 + uint16(bytes, from) !== to || bytes[from + 2] !== 0) return false;
    const nameBytes = uint16(bytes, from + 3);
    const nameFrom = from + 5;
    if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX || nameFrom + nameBytes !== to) return false;
    for (let at = nameFrom; at < to; at++) {
      const byte = bytes[at]!;
      if (byte <= 32 || byte >= 127) return false;
    }
    this.serverNameFrom = nameFrom;
    this.serverNameTo = to;
    return true;
  }

  // RFC 7301 section 3.1: names are not empty and fill the list exactly.
  private readAlpn(from: number, to: number): boolean {
    const bytes = this.bytes;
    if (to - from < 4 || from + 2 + uint16(bytes, from) !== to) return false;
    let at = from + 2;
    while (at < to) {
      const nameBytes = bytes[at]!;
      if (nameBytes === 0 || at + 1 + nameBytes > to) return false;
      at += 1 + nameBytes;
    }
    this.alpnFrom = from + 2;
    this.alpnTo = to;
    return true;
  }

  private readVersions(from: number, to: number): boolean {
    const bytes = this.bytes;
    if (to - from < 3 || from + 1 + bytes[from]! !== to || bytes[from]! % 2 !== 0) return false;
    for (let at = from + 1; at < to; at += 2) if (uint16(bytes, at) === 0x0304) this.offersTls13 = true;
    return true;
  }

  private clear(): void {
    this.serverNameFrom = 0;
    this.serverNameTo = 0;
    this.alpnFrom = 0;
    this.alpnTo = 0;
    this.suitesFrom = 0;
    this.suitesTo = 0;
    this.asksForStatus = false;
    this.offersTls13 = false;
  }
}

/** One bit for each extension read here, so that a repeated one is noticed; zero for the others. */
function knownBit(type: number): number {
  if (type === EXTENSION_SERVER_NAME) return 1;
  if (type === EXTENSION_ALPN) return 2;
  if (type === EXTENSION_SUPPORTED_VERSIONS) return 4;
  if (type === EXTENSION_STATUS_REQUEST) return 8;
  return 0;
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

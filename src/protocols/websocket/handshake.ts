/**
 * The opening handshake (RFC 6455 §4) over heads of HTTP/1.1, and over HTTP/2 where CONNECT takes its place (RFC 8441 §5).
 * A handshake is rare: plain code over strings.
 */
import { FieldId, fieldText, listHolds, type MessageHead, Method } from "../http1/mod.ts";

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const versionSupported = "13";

/** What is wrong with a handshake; `ok` is nothing. */
export type HandshakeFault =
  | "ok"
  | "method"
  | "upgrade"
  | "key"
  | "version"
  | "body"
  | "accept"
  | "extensions"
  | "protocol";

/** The value of Sec-WebSocket-Accept for a key (§4.2.2). */
export function acceptKey(key: string): string {
  return new Bun.CryptoHasher("sha1").update(key + magic).digest("base64");
}

/** A key: sixteen bytes in base64 (§4.1). */
export function isKey(key: string | undefined): key is string {
  return key !== undefined && /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key);
}

/**
 * Judges a client's request. `version` is answered with 426 and Sec-WebSocket-Version (§4.4), the others with 400.
 * Over HTTP/2 there is no key, and the stream goes on behind the head.
 */
export function judgeRequest(head: MessageHead): HandshakeFault {
  if (!head.isWebSocketUpgrade) return "upgrade";
  const isExtended = head.methodId === Method.connect;
  if (!isExtended && head.methodId !== Method.get) return "method";
  if (head.isRepeated(FieldId.webSocketVersion) || fieldText(head, "sec-websocket-version") !== versionSupported) {
    return "version";
  }
  if (!isExtended) {
    if (head.isRepeated(FieldId.webSocketKey) || !isKey(fieldText(head, "sec-websocket-key"))) return "key";
    // A body before the switch could be read as frames by one party and as a body by another.
    if (head.bodyKind !== 0) return "body";
  }
  return "ok";
}

/** Judges a server's 101 answer to `key` (§4.1); whether the extensions fit is for `agreedDeflate`. */
export function judgeAnswer(head: MessageHead, key: string, offeredProtocols: string | undefined): HandshakeFault {
  if (head.status !== 101 || !head.isWebSocketUpgrade) return "upgrade";
  if (!listHolds(head, head.bytes, FieldId.connection, "upgrade")) return "upgrade";
  if (fieldText(head, "sec-websocket-accept") !== acceptKey(key)) return "accept";
  const protocol = fieldText(head, "sec-websocket-protocol");
  if (protocol === undefined) return "ok";
  const offered = offeredProtocols?.split(",").map((name) => name.trim()) ?? [];
  return offered.includes(protocol) ? "ok" : "protocol";
}

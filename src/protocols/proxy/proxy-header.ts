/**
 * The PROXY header that a balancer sends before a connection's first byte, versions 1 and 2 (haproxy.org,
 * doc/proxy-protocol.txt). Once a connection, so it may allocate.
 *
 *     v1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n                            at most 107 bytes
 *     v2   \r\n\r\n\0\r\nQUIT\n | 0x20 local, 0x21 proxy | family | length (2) | addresses | TLVs
 *
 * `UNKNOWN`, `LOCAL` and unspecified families keep the connection's own address. TLVs are passed over.
 */
import { isIPv4, isIPv6 } from "../../base/mod.ts";

export type ProxyVersions = "any" | "v1" | "v2";

export interface ProxyHeader {
  /** Offset behind the header; 0 when more bytes are needed; -1 when this is no header of an allowed version. */
  readonly end: number;
  /** The client's address, or null to keep the connection's own. */
  readonly address: string | null;
  readonly port: number;
}

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V1_BYTES_MAX = 107;
/** What a header of version 2 may carry: addresses and the TLVs of known senders fit many times. */
const V2_BYTES_MAX = 16 + 4096;

const more: ProxyHeader = { end: 0, address: null, port: 0 };
const wrong: ProxyHeader = { end: -1, address: null, port: 0 };

/** Reads a header from `bytes[from, to)`, which begins with the connection's first byte. */
export function readProxyHeader(bytes: Uint8Array, from: number, to: number, versions: ProxyVersions): ProxyHeader {
  if (from === to) return more;
  if (bytes[from] === SIGNATURE[0]) return versions === "v1" ? wrong : readBinary(bytes, from, to);
  return versions === "v2" ? wrong : readText(bytes, from, to);
}

function readText(bytes: Uint8Array, from: number, to: number): ProxyHeader {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(to - from, V1_BYTES_MAX)).toString("latin1");
  const end = text.indexOf("\r\n");
  if (end < 0) return text.length >= V1_BYTES_MAX || !"PROXY ".startsWith(text.slice(0, 6)) ? wrong : more;
  const words = text.slice(0, end).split(" ");
  if (words[0] !== "PROXY") return wrong;
  if (words[1] === "UNKNOWN") return { end: from + end + 2, address: null, port: 0 };
  const [, family, source = "", target = "", sourcePort = "", targetPort = ""] = words;
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : null;
  if (isAddress === null || words.length !== 6 || !isAddress(source) || !isAddress(target)) return wrong;
  if (!isPort(sourcePort) || !isPort(targetPort)) return wrong;
  return { end: from + end + 2, address: source, port: Number(sourcePort) };
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Uint8Array, from: number, to: number): ProxyHeader {
  for (let index = 0; index < SIGNATURE.length && from + index < to; index++) {
    if (bytes[from + index] !== SIGNATURE[index]) return wrong;
  }
  if (to - from < 16) return more;
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  const command = view.getUint8(12);
  const length = view.getUint16(14);
  const end = 16 + length;
  if ((command !== 0x20 && command !== 0x21) || end > V2_BYTES_MAX) return wrong;
  if (to - from < end) return more;
  const family = view.getUint8(13);
  if (command === 0x20) return { end: from + end, address: null, port: 0 };
  if (family === 0x11 && length >= 12) {
    const octets = [16, 17, 18, 19].map((offset) => view.getUint8(offset));
    return { end: from + end, address: octets.join("."), port: view.getUint16(24) };
  }
  if (family === 0x21 && length >= 36) {
    const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(16 + index * 2).toString(16));
    return { end: from + end, address: shortestAddress(groups.join(":")), port: view.getUint16(48) };
  }
  // Unix addresses and unspecified families say nothing about a client's address; an IP family must bring its own.
  const isIp = family >> 4 === 1 || family >> 4 === 2;
  return !isIp && family >> 4 <= 3 && (family & 15) <= 2 ? { end: from + end, address: null, port: 0 } : wrong;
}

/** An IPv6 address in the form of RFC 5952. */
function shortestAddress(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

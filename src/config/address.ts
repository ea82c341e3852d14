/**
 * Addresses and networks as written in a configuration, and their plain parsed form.
 *
 *     127.0.0.1:8080    [::1]:8080    unix:/run/weir.sock    core.example:9000 (upstreams only)
 *     10.0.0.0/8        2001:db8::/32    127.0.0.1    unix (whoever connects over a Unix socket)
 *
 * IPv6 is always in brackets before a port, so that no colon can be read in two ways. Zone identifiers are refused.
 */
import { ipv6Bytes, isIPv4, isIPv6 } from "../base/mod.ts";

export type ListenAddress =
  | { readonly kind: "ip"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Where an upstream listens: an address, or a name that is resolved again on a schedule. */
export type Address = ListenAddress | { readonly kind: "name"; readonly host: string; readonly port: number };

/** A set of client addresses. `bytes` are 4 or 16 octets in network order with host bits zero; family 0 is `unix`. */
export interface Network {
  readonly text: string;
  readonly family: 0 | 4 | 6;
  readonly bytes: readonly number[];
  readonly prefixBits: number;
}

/** Linux keeps 108 bytes for the path of a Unix socket, the last of them zero. */
const unixPathBytesMax = 107;

/** The address, or null when the text is none. */
export function parseAddress(text: string): Address | null {
  if (text.startsWith("unix:")) {
    const path = text.slice(5);
    const fits = path.startsWith("/") && path.length > 1 && new TextEncoder().encode(path).length <= unixPathBytesMax;
    return fits && !path.includes("\0") ? { kind: "unix", path } : null;
  }
  const parts = /^(?:\[([^\]%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (parts === null) return null;
  const port = Number(parts[3]);
  if (port > 65535) return null;
  if (parts[1] !== undefined) return isIPv6(parts[1]) ? { kind: "ip", host: parts[1].toLowerCase(), port } : null;
  const host = parts[2]!;
  if (isIPv4(host)) return { kind: "ip", host, port };
  return isHostName(host) ? { kind: "name", host: host.toLowerCase(), port } : null;
}

export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** A DNS name whose last label is not a number, so that a mistyped IPv4 address is never looked up as a name. */
export function isHostName(host: string): boolean {
  if (host.length > 253) return false;
  const labels = host.split(".");
  const isLabel = (label: string): boolean => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/.test(label);
  return labels.every(isLabel) && !/^\d+$/.test(labels[labels.length - 1]!);
}

/** The network, or null when the text is none or has bits set beyond its prefix. */
export function parseNetwork(text: string): Network | null {
  if (text === "unix") return { text, family: 0, bytes: [], prefixBits: 0 };
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const bytes = isIPv4(host) ? host.split(".").map(Number) : isIPv6(host) ? ipv6Bytes(host) : null;
  if (bytes === null) return null;
  const bits = bytes.length * 8;
  const prefixText = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(prefixText) || Number(prefixText) > bits) return null;
  const prefixBits = Number(prefixText);
  for (let bit = prefixBits; bit < bits; bit++) {
    if ((bytes[bit >> 3]! & (0x80 >> (bit & 7))) !== 0) return null;
  }
  return { text, family: bytes.length === 4 ? 4 : 6, bytes, prefixBits };
}

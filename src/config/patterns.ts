/**
 * Patterns of hosts and paths: what a route may say, parsed once.
 *
 *     /a/b           exactly this path (a trailing slash is another path)
 *     /a/*           /a, /a/ and everything below
 *     /orders/:id    any one non-empty segment
 *     api.example.com, *.example.com (one label or more before the suffix)
 *
 * There are no regular expressions: their cost depends on the request, and two of them cannot be compared for overlap.
 * Segments are compared after percent-decoding; see `src/gateway/route.ts` for what is refused instead of decoded.
 */
import { isIPv4, isIPv6 } from "../base/mod.ts";
import { isHostName } from "./address.ts";

export type PathSegment =
  | { readonly kind: "literal"; readonly bytes: readonly number[] }
  | { readonly kind: "parameter"; readonly name: string };

export interface PathPattern {
  readonly text: string;
  readonly segments: readonly PathSegment[];
  /** The pattern ends in `/*`. */
  readonly isPrefix: boolean;
}

/** More segments than any interface has; bounds the router's work for one request. */
export const pathSegmentsMax = 32;
const segmentPattern = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/;

/** The pattern, or why it is none. */
export function parsePathPattern(text: string): PathPattern | { readonly reason: string } {
  if (!text.startsWith("/")) return { reason: "it must begin with /" };
  const parts = text.slice(1).split("/");
  const isPrefix = parts[parts.length - 1] === "*";
  if (isPrefix) parts.pop();
  if (parts.length > pathSegmentsMax) return { reason: `more than ${pathSegmentsMax} segments` };
  const segments: PathSegment[] = [];
  for (const [index, part] of parts.entries()) {
    const segment = parseSegment(part, index === parts.length - 1 && !isPrefix);
    if ("reason" in segment) return segment;
    segments.push(segment);
  }
  const names = segments.flatMap((segment) => (segment.kind === "parameter" ? [segment.name] : []));
  if (new Set(names).size < names.length) return { reason: "a parameter is named twice" };
  return { text, segments, isPrefix };
}

function parseSegment(part: string, isLast: boolean): PathSegment | { readonly reason: string } {
  if (part.startsWith(":")) {
    const name = part.slice(1);
    return /^[A-Za-z_]\w*$/.test(name) ? { kind: "parameter", name } : { reason: `"${part}" is not a parameter` };
  }
  if (part === "" && !isLast) return { reason: "an empty segment" };
  if (part.includes("*")) return { reason: "* stands only as the whole last segment" };
  if (!segmentPattern.test(part))
    return { reason: `"${part}" holds a byte no path may hold; write it percent-encoded` };
  const bytes = decode(part);
  if (bytes.includes(0x2f) || bytes.includes(0x5c) || bytes.some((byte) => byte < 0x20 || byte === 0x7f)) {
    return { reason: "an encoded slash, backslash or control byte, which the gateway refuses in requests" };
  }
  if (part === "" || !bytes.every((byte) => byte === 0x2e) || bytes.length > 2) return { kind: "literal", bytes };
  return { reason: "a dot segment, which the gateway refuses in requests" };
}

function decode(part: string): number[] {
  const bytes: number[] = [];
  for (let index = 0; index < part.length; index++) {
    const isEncoded = part[index] === "%";
    bytes.push(isEncoded ? Number.parseInt(part.slice(index + 1, index + 3), 16) : part.charCodeAt(index));
    if (isEncoded) index += 2;
  }
  return bytes;
}

/** A host pattern in lower case, or null when the text is none. */
export function parseHostPattern(text: string): string | null {
  const host = text.toLowerCase();
  if (host.startsWith("*.")) return isHostName(host.slice(2)) ? host : null;
  if (host.startsWith("[") && host.endsWith("]")) return isIPv6(host.slice(1, -1)) ? host : null;
  return isIPv4(host) || isHostName(host) ? host : null;
}

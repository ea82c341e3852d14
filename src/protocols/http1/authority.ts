/**
 * `uri-host [":" port]` (RFC 9110 section 7.2, RFC 3986 section 3.2). @hot
 *
 * User information is no part of it and refused, as section 4.2.4 of RFC 9110 advises.
 */
import { hexValue, isFutureAddress, isRegisteredName, lowerCase } from "./bytes.ts";

const COLON = 0x3a;
const DOT = 0x2e;
const PERCENT = 0x25;

/**
 * Whether `bytes[from, to)` is an authority; returns the offset behind its host, or -1. An empty range is one, a port
 * without a host is none: no http URI can have it.
 */
export function authorityHostEnd(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return to;
  const hostEnd = bytes[from] === 0x5b ? literalEnd(bytes, from, to) : registeredNameEnd(bytes, from, to);
  if (hostEnd <= from) return -1;
  if (hostEnd === to) return hostEnd;
  if (bytes[hostEnd] !== COLON) return -1;
  let port = 0;
  for (let at = hostEnd + 1; at < to; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
    if (port > 65_535) return -1;
  }
  return hostEnd;
}

function registeredNameEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    if (isRegisteredName[bytes[at]!] === 1) at++;
    else if (bytes[at] !== PERCENT) return at;
    else if (at + 2 >= to || hexValue[bytes[at + 1]!]! === 255 || hexValue[bytes[at + 2]!]! === 255) return -1;
    else at += 3;
  }
  return at;
}

/** One past the closing bracket of an IP literal, or -1. */
function literalEnd(bytes: Uint8Array, from: number, to: number): number {
  let close = from + 1;
  while (close < to && bytes[close] !== 0x5d) close++;
  if (close === to || close === from + 1) return -1;
  const isValid =
    lowerCase[bytes[from + 1]!] === 0x76
      ? isFutureLiteral(bytes, from + 2, close)
      : isIpv6Address(bytes, from + 1, close);
  return isValid ? close + 1 : -1;
}

/** Behind the "v": hexadecimal digits, a dot, and at least one more byte. */
function isFutureLiteral(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at < to && hexValue[bytes[at]!] !== 255) at++;
  if (at === from || at + 1 >= to || bytes[at] !== DOT) return false;
  for (at++; at < to; at++) if (isFutureAddress[bytes[at]!] === 0) return false;
  return true;
}

/** `IPv6address`: eight groups of up to four digits, one run of them elided, the last two perhaps an IPv4 address. */
export function isIpv6Address(bytes: Uint8Array, from: number, to: number): boolean {
  let groups = 0;
  let hasElision = false;
  let at = from;
  if (to - from >= 2 && bytes[at] === COLON && bytes[at + 1] === COLON) {
    hasElision = true;
    at += 2;
  }
  while (at < to) {
    const groupStart = at;
    while (at < to && hexValue[bytes[at]!] !== 255) at++;
    if (at < to && bytes[at] === DOT) {
      if (!isIpv4Address(bytes, groupStart, to)) return false;
      groups += 2;
      at = to;
      break;
    }
    if (at === groupStart || at - groupStart > 4) return false;
    groups++;
    if (at === to) break;
    if (bytes[at] !== COLON || at + 1 === to) return false;
    at++;
    if (bytes[at] === COLON) {
      if (hasElision) return false;
      hasElision = true;
      at++;
    }
  }
  return hasElision ? groups <= 7 : groups === 8;
}

function isIpv4Address(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0) {
      if (bytes[at] !== DOT) return false;
      at++;
    }
    const start = at;
    let value = 0;
    while (at < to && at - start < 4 && bytes[at]! >= 48 && bytes[at]! <= 57) value = value * 10 + bytes[at++]! - 48;
    if (at === start || value > 255 || (at - start > 1 && bytes[start] === 48)) return false;
  }
  return at === to;
}

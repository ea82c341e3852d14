/**
 * IP addresses as text and as octets. Own functions, because `node:net` brings the runtime's whole stream library into every
 * worker, a third of the time it takes to start. Zone identifiers (`fe80::1%eth0`) are no part of an address here.
 */

const octetPattern = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4Pattern = new RegExp(`^${octetPattern}(?:\\.${octetPattern}){3}$`);
const groupPattern = /^[0-9a-fA-F]{1,4}$/;

/** Four decimal octets without leading zeros, which other parsers read as octal. */
export function isIPv4(text: string): boolean {
  return ipv4Pattern.test(text);
}

/** RFC 4291 section 2.2, with an IPv4 address as the last 32 bits where that is wanted. */
export function isIPv6(text: string): boolean {
  if (text.length < 2 || text.length > 45) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups[groups.length - 1] ?? "";
  const hasIPv4 = last.includes(".");
  if (hasIPv4 && (!isIPv4(last) || !text.endsWith(last))) return false;
  const words = hasIPv4 ? groups.slice(0, -1) : groups;
  if (!words.every((group) => groupPattern.test(group))) return false;
  const count = words.length + (hasIPv4 ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** The 16 octets of a valid IPv6 address. */
export function ipv6Bytes(text: string): number[] {
  let groups = text;
  const lastColon = text.lastIndexOf(":");
  if (text.includes(".")) {
    const octets = text
      .slice(lastColon + 1)
      .split(".")
      .map(Number);
    const pair = (high: number, low: number): string => ((high << 8) | low).toString(16);
    groups = `${text.slice(0, lastColon + 1)}${pair(octets[0]!, octets[1]!)}:${pair(octets[2]!, octets[3]!)}`;
  }
  const [left = "", right] = groups.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  const words = [...head, ...Array.from({ length: zeros }, () => "0"), ...tail];
  return words.flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 255];
  });
}

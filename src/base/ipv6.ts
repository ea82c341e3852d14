/** IPv6 addresses as octets, for comparing them with networks. */

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

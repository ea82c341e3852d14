/** Client addresses against configured networks, and how many connections each client network holds. Once a connection. */
import { ipv6Bytes, isIPv4, isIPv6 } from "../base/mod.ts";
import type { Network } from "../config/mod.ts";

/** The address as octets: 4, 16, or none for a Unix socket. An IPv4 address mapped into IPv6 counts as IPv4. */
export function addressOctets(text: string): readonly number[] {
  if (isIPv4(text)) return text.split(".").map(Number);
  const withoutZone = text.split("%")[0]!;
  if (!isIPv6(withoutZone)) return [];
  const octets = ipv6Bytes(withoutZone);
  const isMapped = octets.slice(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255;
  return isMapped ? octets.slice(12) : octets;
}

/** A text without the IPv6 prefix of mapped IPv4 addresses, as it is told to upstreams and logs. */
export function plainAddress(text: string): string {
  return text.startsWith("::ffff:") && text.includes(".") ? text.slice(7) : text;
}

/** Whether an address lies in one of the networks; `unix` stands for clients of Unix sockets. */
export function isInNetworks(networks: readonly Network[], text: string): boolean {
  if (networks.length === 0) return false;
  const octets = addressOctets(text);
  return networks.some((network) => {
    if (network.family === 0) return octets.length === 0;
    return network.bytes.length === octets.length && sharePrefix(network.bytes, octets, network.prefixBits);
  });
}

function sharePrefix(left: readonly number[], right: readonly number[], bits: number): boolean {
  for (let index = 0; index * 8 < bits; index++) {
    const mask = bits - index * 8 >= 8 ? 255 : 256 - (1 << (8 - (bits - index * 8)));
    if ((left[index]! & mask) !== (right[index]! & mask)) return false;
  }
  return true;
}

/** Connections by client network, bounded by the number of connections there may be. */
export class NetworkCounts {
  private readonly counts = new Map<string, number>();
  private readonly prefixBits4: number;
  private readonly prefixBits6: number;

  constructor(prefixBits4: number, prefixBits6: number) {
    this.prefixBits4 = prefixBits4;
    this.prefixBits6 = prefixBits6;
  }

  /** The network an address is counted under. */
  keyOf(text: string): string {
    const octets = addressOctets(text);
    const bits = octets.length === 4 ? this.prefixBits4 : this.prefixBits6;
    const kept = octets.map((octet, index) => {
      const left = bits - index * 8;
      return left >= 8 ? octet : left <= 0 ? 0 : octet & (256 - (1 << (8 - left)));
    });
    return String.fromCharCode(...kept);
  }

  /** Counts one more; false when `max` are there already. */
  enter(key: string, max: number): boolean {
    const count = this.counts.get(key) ?? 0;
    if (count >= max) return false;
    this.counts.set(key, count + 1);
    return true;
  }

  leave(key: string): void {
    const count = this.counts.get(key) ?? 0;
    if (count > 1) this.counts.set(key, count - 1);
    else this.counts.delete(key);
  }
}

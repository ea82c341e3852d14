import { expect, test } from "bun:test";
import fc from "fast-check";
import { ipv6Bytes } from "../base/mod.ts";
import { type Address, formatAddress, parseAddress, parseNetwork } from "./address.ts";

test("the four kinds of address", () => {
  const texts = ["127.0.0.1:8080", "[::1]:0", "[FE80::A]:9", "unix:/run/weir.sock", "Core.Example:9000", "localhost:1"];
  expect(texts.map(parseAddress)).toEqual([
    { kind: "ip", host: "127.0.0.1", port: 8080 },
    { kind: "ip", host: "::1", port: 0 },
    { kind: "ip", host: "fe80::a", port: 9 },
    { kind: "unix", path: "/run/weir.sock" },
    { kind: "name", host: "core.example", port: 9000 },
    { kind: "name", host: "localhost", port: 1 },
  ]);
});

test("what is ambiguous or impossible is no address", () => {
  const wrong = [
    "",
    "8080",
    ":8080",
    "127.0.0.1",
    "127.0.0.1:65536",
    "127.0.0.1:",
    "127.0.0.1:http",
    "::1:8080",
    "[::1]",
    "[fe80::1%eth0]:80",
  ];
  const odd = [
    "256.0.0.1:80",
    "127.1:80",
    "1.2.3:80",
    "a..b:80",
    "-a:80",
    "a b:80",
    "unix:",
    "unix:run",
    `unix:/${"x".repeat(107)}`,
    "http://a:80",
    "unix:/a\0b",
  ];
  for (const text of [...wrong, ...odd]) expect([text, parseAddress(text)]).toEqual([text, null]);
});

const addresses: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ kind: fc.constant("ip" as const), host: fc.ipV4(), port: fc.nat(65_535) }),
  fc.record({ kind: fc.constant("ip" as const), host: fc.ipV6(), port: fc.nat(65_535) }),
  fc.record({ kind: fc.constant("name" as const), host: fc.domain(), port: fc.nat(65_535) }),
  fc.record({ kind: fc.constant("unix" as const), path: fc.stringMatching(/^\/[a-z0-9/._-]{1,60}$/) }),
);

test("an address that is written is read again", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      const read = parseAddress(formatAddress(address));
      const expected = "host" in address ? { ...address, host: address.host.toLowerCase() } : address;
      expect(read).toEqual(expected);
    }),
  );
});

test("networks are whole: no bit is set beyond the prefix", () => {
  expect(
    ["10.0.0.0/8", "10.0.0.1", "::/0", "2001:db8::/32", "unix"].map((text) => parseNetwork(text)?.prefixBits),
  ).toEqual([8, 32, 0, 32, 0]);
  expect(parseNetwork("192.168.0.0/16")).toEqual({
    text: "192.168.0.0/16",
    family: 4,
    bytes: [192, 168, 0, 0],
    prefixBits: 16,
  });
  const wrong = [
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0/8",
    "::1/127",
    "fe80::%1/64",
    "any",
    "",
  ];
  for (const text of wrong) expect([text, parseNetwork(text)]).toEqual([text, null]);
});

test("the octets of an IPv6 address, however it is shortened", () => {
  const words = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(words, fc.nat(8), fc.nat(8), (all, from, count) => {
      const to = Math.min(8, from + count);
      const zeroed = all.map((word, index) => (index >= from && index < to ? 0 : word));
      const text = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(":");
      const written = to > from ? `${text(zeroed.slice(0, from))}::${text(zeroed.slice(to))}` : text(zeroed);
      expect(ipv6Bytes(written)).toEqual(zeroed.flatMap((word) => [word >> 8, word & 255]));
    }),
  );
  expect(ipv6Bytes("::ffff:1.2.3.4").slice(-6)).toEqual([255, 255, 1, 2, 3, 4]);
});

import { expect, test } from "bun:test";
import { readProxyHeader } from "./proxy-header.ts";

const text = (line: string): Buffer => Buffer.from(line, "latin1");
const signature = "0d0a0d0a000d0a515549540a";
const v2 = (rest: string): Buffer => Buffer.from(signature + rest, "hex");

const good: readonly [string, Buffer, string | null, number][] = [
  ["v1 over IPv4", text("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), "192.0.2.1", 56324],
  ["v1 over IPv6", text("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), "2001:db8::1", 1],
  ["v1 of an unknown family", text("PROXY UNKNOWN\r\n"), null, 0],
  ["v1 of an unknown family with what follows", text("PROXY UNKNOWN ff::1 ff::2 1 2\r\n"), null, 0],
  ["v2 over IPv4", v2("2111000cc0000201c63364010a0101bb"), "192.0.2.1", 2561],
  ["v2 over IPv4 with a TLV", v2("21110011c0000201c63364010a0101bb0400020000"), "192.0.2.1", 2561],
  [
    "v2 over IPv6",
    v2(`21210024${"20010db8".padEnd(31, "0")}1${"20010db8".padEnd(31, "0")}20a0101bb`),
    "2001:db8::1",
    2561,
  ],
  ["v2 of a balancer's own check", v2("20000000"), null, 0],
  ["v2 of an unspecified family", v2("21000000"), null, 0],
];

for (const [name, bytes, address, port] of good) {
  test(`${name} is read the same split at every byte, and leaves what follows`, () => {
    const whole = Buffer.concat([bytes, text("GET / HTTP/1.1\r\n")]);
    expect(readProxyHeader(whole, 0, whole.length, "any")).toEqual({ end: bytes.length, address, port });
    for (let cut = 0; cut < bytes.length; cut++) expect(readProxyHeader(whole, 0, cut, "any").end).toBe(0);
  });
}

const bad: readonly [string, Buffer][] = [
  ["a request without a header", text("GET / HTTP/1.1\r\n\r\n")],
  ["an address of the wrong family", text("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n")],
  ["a port out of range", text("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n")],
  ["a port with a leading zero", text("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n")],
  ["a line that is too long", text(`PROXY UNKNOWN ${"x".repeat(200)}`)],
  ["an unknown command", v2("2f11000cc0000201c63364010a0101bb")],
  ["an unknown version", v2("3111000cc0000201c63364010a0101bb")],
  ["addresses that are cut short", v2("21110004c0000201")],
  ["a length beyond any use", v2("2111ffffc0000201c63364010a0101bb")],
];

for (const [name, bytes] of bad) {
  test(`${name} is refused`, () => {
    expect(readProxyHeader(bytes, 0, bytes.length, "any").end).toBe(-1);
  });
}

test("a version that is not allowed is refused", () => {
  expect(readProxyHeader(good[0]![1], 0, good[0]![1].length, "v2").end).toBe(-1);
  expect(readProxyHeader(good[4]![1], 0, good[4]![1].length, "v1").end).toBe(-1);
});

import { expect, test } from "bun:test";
import { isIPv6 } from "node:net";
import { Random } from "../../base/mod.ts";
import { authorityHostEnd, isIpv6Address } from "./mod.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const hostEnd = (text: string): number => authorityHostEnd(bytesOf(text), 0, text.length);

test("the host ends where the port begins", () => {
  expect(
    ["", "a", "a:80", "a:", "[::1]:80", "[v1.x]", "a:65536", ":80", "a@b", "[::1", "%4", "a%41:1"].map(hostEnd),
  ).toEqual([0, 1, 1, 1, 5, 6, -1, -1, -1, -1, -1, 4]);
});

test("IPv6 addresses are those the platform knows, without zones", () => {
  const random = new Random(1);
  const pieces = [
    "::",
    ":",
    "0",
    "1",
    "12ab",
    "FFFF",
    "12345",
    "g",
    "1.2.3.4",
    "256.1.1.1",
    "01.2.3.4",
    ".",
    "::1",
    "1:2:3:4:5:6:7",
  ];
  const wrong: string[] = [];
  let valid = 0;
  for (let index = 0; index < 50_000; index++) {
    let text = "";
    for (let left = 1 + random.below(9); left > 0; left--) text += pieces[random.below(pieces.length)]!;
    if (isIpv6Address(bytesOf(text), 0, text.length) !== isIPv6(text)) wrong.push(text);
    if (isIPv6(text)) valid++;
  }
  expect(wrong).toEqual([]);
  expect(valid).toBeGreaterThan(500);
});

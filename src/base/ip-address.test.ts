import { expect, test } from "bun:test";
import * as net from "node:net";
import { isIPv4, isIPv6 } from "./ip-address.ts";
import { Random } from "./random.ts";

test("addresses are told from other text as the runtime tells them", () => {
  const random = new Random(7);
  const alphabet = ["0", "1", "2", "25", "255", "256", "abcd", "F", "g", ":", "::", ".", "1.2.3.4", "01", " ", "-"];
  for (let round = 0; round < 200_000; round++) {
    let text = "";
    for (let left = 1 + random.below(17); left > 0; left--) {
      text += random.below(3) === 0 ? alphabet[random.below(alphabet.length)]! : random.below(2) === 0 ? ":" : "a1";
    }
    if (isIPv6(text) !== net.isIPv6(text) || isIPv4(text) !== net.isIPv4(text)) throw new Error(text);
  }
  for (let round = 0; round < 50_000; round++) {
    const octets = Array.from({ length: 3 + random.below(3) }, () => String(random.below(300)));
    const text = octets.join(".").replace(/^(\d)/, random.below(10) === 0 ? "0$1" : "$1");
    if (isIPv4(text) !== net.isIPv4(text)) throw new Error(text);
  }
});

test("the forms of RFC 4291 are addresses, and zones are not", () => {
  const right = [
    "::",
    "::1",
    "1::",
    "2001:db8::8:800:200C:417A",
    "::ffff:129.144.52.38",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:1.2.3.4",
  ];
  const wrong = [
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "1.2.3.4::",
    "fe80::1%lo",
    "::1.2.3",
  ];
  expect([right.filter((text) => !isIPv6(text)), wrong.filter(isIPv6)]).toEqual([[], []]);
});

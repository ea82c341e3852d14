import { expect, test } from "bun:test";
import { Random } from "../../base/mod.ts";
import { ClientHello, HelloResult } from "./client-hello.ts";

interface Parts {
  serverName?: string;
  alpn?: string[];
  status?: boolean;
  extra?: number[];
}

const sized = (bytes: number[], width: 1 | 2 | 3): number[] => [
  ...[16, 8, 0].slice(3 - width).map((shift) => (bytes.length >> shift) & 255),
  ...bytes,
];
const text = (value: string): number[] => [...Buffer.from(value, "latin1")];
const extension = (type: number, body: number[]): number[] => [type >> 8, type & 255, ...sized(body, 2)];

function message(parts: Parts): number[] {
  const extensions: number[] = [...extension(0x0a0a, []), ...extension(43, sized([3, 4, 3, 3], 1))];
  if (parts.serverName !== undefined) {
    extensions.push(...extension(0, sized([0, ...sized(text(parts.serverName), 2)], 2)));
  }
  if (parts.alpn) {
    extensions.push(
      ...extension(
        16,
        sized(
          parts.alpn.flatMap((name) => sized(text(name), 1)),
          2,
        ),
      ),
    );
  }
  if (parts.status) extensions.push(...extension(5, [1, 0, 0, 0, 0]));
  extensions.push(...(parts.extra ?? []));
  const random = Array.from({ length: 32 }, (_, index) => index);
  const body = [3, 3, ...random, ...sized([], 1), ...sized([0x13, 1, 0x13, 2], 2), ...sized([0], 1)];
  return [1, ...sized([...body, ...sized(extensions, 2)], 3)];
}

const record = (bytes: number[]): number[] => [22, 3, 1, ...sized(bytes, 2)];
const hello = (parts: Parts): Uint8Array => Uint8Array.from(record(message(parts)));

function summary(reader: ClientHello): unknown {
  const cut = (from: number, to: number): string => Buffer.from(reader.bytes.subarray(from, to)).toString("latin1");
  return {
    serverName: cut(reader.serverNameFrom, reader.serverNameTo),
    alpn: cut(reader.alpnFrom, reader.alpnTo),
    suites: reader.suitesTo - reader.suitesFrom,
    status: reader.asksForStatus,
    tls13: reader.offersTls13,
  };
}

const full: Parts = { serverName: "api.example.com", alpn: ["h2", "http/1.1"], status: true };
const fullSummary = {
  serverName: "api.example.com",
  alpn: "\x02h2\x08http/1.1",
  suites: 4,
  status: true,
  tls13: true,
};

test("the name, the protocols, the suites and the wish for a status are found", () => {
  const reader = new ClientHello();
  const bytes = hello(full);
  expect(reader.read(bytes, 0, bytes.length)).toBe(HelloResult.complete);
  expect(summary(reader)).toEqual(fullSummary);
});

test("every shorter part of a hello is incomplete", () => {
  const reader = new ClientHello();
  const bytes = hello(full);
  const results = new Set<HelloResult>();
  for (let to = 0; to < bytes.length; to++) results.add(reader.read(bytes, 0, to));
  expect([...results]).toEqual([HelloResult.incomplete]);
});

test("a hello spread over records of any size is joined", () => {
  const whole = message(full);
  for (const size of [4, 5, 7, 50, whole.length - 1]) {
    const records: number[] = [];
    for (let at = 0; at < whole.length; at += size) records.push(...record(whole.slice(at, at + size)));
    const bytes = Uint8Array.from(records);
    const reader = new ClientHello();
    expect(reader.read(bytes, 0, bytes.length)).toBe(HelloResult.complete);
    expect(summary(reader)).toEqual(fullSummary);
  }
});

test("what is no TLS and what breaks the grammar are told apart", () => {
  const read = (bytes: number[]): HelloResult => new ClientHello().read(Uint8Array.from(bytes), 0, bytes.length);
  const host = (name: number[]): number[] => extension(0, sized([0, ...sized(name, 2)], 2));
  const wrong: Record<string, number[]> = {
    "an empty name": record(message({ extra: host([]) })),
    "a name with a zero byte": record(message({ extra: host([97, 0, 98]) })),
    "two names": record(message({ serverName: "a", extra: host([97]) })),
    "an empty protocol": record(message({ extra: extension(16, sized([0], 2)) })),
    "a protocol over the end": record(message({ extra: extension(16, sized([9, 97], 2)) })),
    "an extension over the end": record(message({ extra: [0, 99, 0, 5, 1] })),
    "another handshake message": record([2, 0, 0, 1, 0]),
    "bytes after the hello": record([...message({}), 0]),
  };
  const results = Object.fromEntries(Object.entries(wrong).map(([name, bytes]) => [name, read(bytes)]));
  expect(results).toEqual(Object.fromEntries(Object.keys(wrong).map((name) => [name, HelloResult.malformed])));
  expect(read(text("GET / HTTP/1.1\r\n\r\n"))).toBe(HelloResult.notTls);
  expect(read([22, 9])).toBe(HelloResult.notTls);
});

test("a million mutated hellos neither throw nor give offsets outside the bytes", () => {
  const random = new Random(8446);
  const reader = new ClientHello();
  const clean = hello(full);
  const bytes = Uint8Array.from(clean);
  let outside = 0;
  for (let round = 0; round < 1_000_000; round++) {
    const at = random.below(bytes.length);
    bytes[at] = random.below(256);
    const to = (round & 3) === 0 ? random.below(bytes.length + 1) : bytes.length;
    const result = reader.read(bytes, 0, to);
    if (result === HelloResult.complete) {
      const limit = reader.bytes === bytes ? to : reader.bytes.length;
      if (reader.serverNameTo > limit || reader.alpnTo > limit || reader.suitesTo > limit) outside++;
    }
    if ((round & 7) === 7) bytes.set(clean);
  }
  expect(outside).toBe(0);
});

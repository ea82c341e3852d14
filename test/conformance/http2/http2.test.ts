import { expect, test } from "bun:test";
import { Random } from "../../../src/base/mod.ts";
import type { Case } from "./case.ts";
import { http2Cases } from "./cases.ts";
import { judge, Transcript } from "./judge.ts";
import { PureServer } from "./pure-server.ts";
import { ping, preface, settings } from "./raw.ts";

/** Runs a case against the state machine, its bytes handed over in pieces as `cut` says. */
function run(conformance: Case, cut: (bytes: Uint8Array) => Uint8Array[]): { wrong: string; log: string[] } {
  const server = new PureServer();
  const transcript = new Transcript();
  const send = (bytes: Uint8Array): void => {
    for (const piece of cut(bytes)) transcript.take(server.receive(piece));
  };
  transcript.take(server.drain());
  if (conformance.isBare !== true) send(Buffer.concat([preface, settings()]));
  for (const step of conformance.steps) if (step instanceof Uint8Array) send(step);
  const before = transcript.pongs;
  send(ping("the-last"));
  const wrong = judge(conformance, transcript, transcript.pongs > before);
  server.connection.close();
  expect([server.openStreams.size, server.connection.streamCount]).toEqual([0, 0]);
  return { wrong, log: server.log };
}

const inOne = (bytes: Uint8Array): Uint8Array[] => [bytes];

test(`all ${http2Cases.length} cases, of distinct names, end as the RFCs say`, () => {
  expect(new Set(http2Cases.map(({ name }) => name)).size).toBe(http2Cases.length);
  expect(http2Cases.length).toBeGreaterThanOrEqual(150);
  const failed = http2Cases.map((each) => [each.name, run(each, inOne).wrong]).filter(([, wrong]) => wrong !== "");
  expect(failed).toEqual([]);
});

test("every case ends the same when its bytes come one by one", () => {
  const single = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));
  const short = http2Cases.filter(({ steps }) =>
    steps.every((step) => !(step instanceof Uint8Array) || step.length < 4096),
  );
  for (const each of short) expect([each.name, run(each, single)]).toEqual([each.name, run(each, inOne)]);
});

test("every case ends the same when its bytes are cut in two at any place", () => {
  const short = http2Cases.filter(({ steps }) =>
    steps.every((step) => !(step instanceof Uint8Array) || step.length < 200),
  );
  for (const each of short) {
    const whole = run(each, inOne);
    for (let at = 1; at < 200; at += 1) {
      const inTwo = (bytes: Uint8Array): Uint8Array[] => [bytes.subarray(0, at), bytes.subarray(at)];
      expect([each.name, at, run(each, inTwo)]).toEqual([each.name, at, whole]);
    }
  }
});

test("mutated cases never break an invariant, and end the same however they are cut", () => {
  const count = Number(process.env["WEIR_MUTATIONS"] ?? 1_000_000);
  const random = new Random(Number(process.env["WEIR_SEED"] ?? 1));
  const sources = http2Cases.map(({ steps }) =>
    Buffer.concat([preface, settings(), ...steps.filter((step) => step instanceof Uint8Array)]).subarray(0, 2048),
  );
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.from(sources[random.below(sources.length)]!);
    // The preface stays whole: what breaks it is soon told.
    const mutate = 24 + random.below(Math.max(1, bytes.length - 24));
    for (let changes = 1 + random.below(4); changes > 0; changes--) {
      const at =
        random.below(3) === 0 ? 24 + random.below(bytes.length - 24) : Math.min(bytes.length - 1, mutate + changes);
      bytes[at] = random.below(2) === 0 ? random.below(256) : bytes[at]! ^ (1 << random.below(8));
    }
    const one = new PureServer();
    one.receive(bytes);
    one.connection.close();
    if (i % 16 !== 0) continue;
    const two = new PureServer();
    const at = random.below(bytes.length);
    two.receive(bytes.subarray(0, at));
    two.receive(bytes.subarray(at));
    two.connection.close();
    if (JSON.stringify(one.log) !== JSON.stringify(two.log)) {
      expect({ i, at, log: two.log, hex: bytes.toString("hex") }).toEqual({
        i,
        at,
        log: one.log,
        hex: bytes.toString("hex"),
      });
    }
  }
}, 120_000);

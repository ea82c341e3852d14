/** The corpus through a real gateway, in front of an upstream that records every byte it is sent. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Random, randomSeed } from "../../../src/base/mod.ts";
import { answerCases, requestCases, requestThemes } from "./corpus/mod.ts";
import { type RunningGateway, startGateway } from "./gateway-process.ts";
import { Mutator } from "./mutate.ts";
import { oracleBody, oracleRequest } from "./oracle.ts";
import { Recorder } from "./recorder.ts";
import { Runner, sendAnything, wantedAnswer, wantedOf } from "./runner.ts";
import { requestSeeds } from "./seeds.ts";

const seed = Number(process.env["WEIR_SEED"] ?? randomSeed());
const mutations = Number(process.env["WEIR_FUZZ_SOCKETS"] ?? 2_000);
/** Longer messages take too many rounds of two event loops. */
const BYTEWISE_BYTES_MAX = 200;
console.log(`places of splits: WEIR_SEED=${seed}`);

/** Says which case an error is about. */
async function named<T>(name: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw new Error(`${name}: ${cause}`);
  }
}

for (const mode of ["exclusive", "pipelined"] as const) {
  describe(`${mode} upstream connections`, () => {
    const recorder = new Recorder();
    const random = new Random(seed);
    let gateway: RunningGateway;
    let runner: Runner;

    beforeAll(async () => {
      gateway = await startGateway(recorder.port, mode);
      runner = new Runner(gateway.port, recorder);
    });

    afterAll(async () => {
      await gateway.stop();
      recorder.stop();
    });

    for (const [theme, cases] of Object.entries(requestThemes)) {
      test(`${theme}: ${cases.length} messages are answered, and forwarded or not, as expected`, async () => {
        for (const one of cases) {
          const result = await named(one.name, runner.request(one, [one.bytes]));
          expect({ name: one.name, ...result }).toEqual({ name: one.name, ...wantedOf(one) });
        }
      });

      test(`${theme}: the same in two pieces`, async () => {
        for (const one of cases) {
          const at = random.below(one.bytes.length);
          const result = await named(
            `${one.name}, split at ${at}`,
            runner.request(one, [one.bytes.slice(0, at), one.bytes.slice(at)]),
          );
          expect({ name: one.name, at, ...result }).toEqual({ name: one.name, at, ...wantedOf(one) });
        }
      });
    }

    test(`${answerCases.length} answers of upstreams are passed on or refused as expected`, async () => {
      for (const one of answerCases) {
        const result = await named(one.name, runner.answer(one, [one.answer]));
        expect({ name: one.name, ...result }).toEqual({ name: one.name, ...wantedAnswer(one) });
      }
    });

    test("the same in two pieces", async () => {
      for (const one of answerCases) {
        const at = 1 + random.below(Math.max(1, one.answer.length - 1));
        const result = await named(one.name, runner.answer(one, [one.answer.slice(0, at), one.answer.slice(at)]));
        expect({ name: one.name, at, ...result }).toEqual({ name: one.name, at, ...wantedAnswer(one) });
      }
    });

    test("short messages byte by byte", async () => {
      for (const one of requestCases.filter(({ bytes }) => bytes.length <= BYTEWISE_BYTES_MAX)) {
        const result = await named(one.name, runner.request(one, Array.from(one.bytes)));
        expect({ name: one.name, ...result }).toEqual({ name: one.name, ...wantedOf(one) });
      }
    });

    test(`of ${mutations} mutated streams the upstream sees nothing but requests a strict reader finds in them`, async () => {
      recorder.replyPlainly();
      recorder.violations.length = 0;
      const mutator = new Mutator(requestSeeds, random);
      for (let index = 0; index < mutations; index++) {
        const stream = Buffer.from(mutator.next()).toString("latin1") + Buffer.from(mutator.next()).toString("latin1");
        const seen = await sendAnything(gateway.port, recorder, stream);
        const found = readAll(stream);
        for (const request of seen) {
          const key = JSON.stringify([request.line, request.host, request.body]);
          while (found.length > 0 && found[0] !== key) found.shift();
          if (found.shift() === undefined) throw new Error(`WEIR_SEED=${seed}: ${JSON.stringify(stream)} made ${key}`);
        }
        expect(recorder.violations).toEqual([]);
      }
    });
  });
}

/** The requests a strict reader finds in a stream, in the words of what an upstream sees of them. */
function readAll(stream: string): string[] {
  const found: string[] = [];
  for (let rest = stream; ; ) {
    const head = oracleRequest(rest);
    const body = head === null ? null : oracleBody(rest, head);
    if (head === null || body === null) return found;
    found.push(JSON.stringify([`${head.method} ${head.serverTarget}`, head.authority, body.body]));
    rest = rest.slice(body.end);
  }
}

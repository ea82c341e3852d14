/** The corpus through a real gateway, in front of an upstream that records every byte it is sent. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Random, randomSeed } from "../../../src/base/mod.ts";
import { answerCases, requestThemes } from "./corpus/mod.ts";
import { type RunningGateway, startGateway } from "./gateway-process.ts";
import { Recorder } from "./recorder.ts";
import { Runner, wantedAnswer, wantedOf } from "./runner.ts";

const seed = Number(process.env["WEIR_SEED"] ?? randomSeed());
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
        expect({ name: one.name, ...(await named(one.name, runner.answer(one))) }).toEqual({
          name: one.name,
          ...wantedAnswer(one),
        });
      }
    });
  });
}

/** The corpus through the codec alone: every message whole, split at every byte, and byte by byte. */
import { expect, test } from "bun:test";
import { answerCases, type RequestCase, requestCases, requestThemes, type Seen } from "./corpus/mod.ts";
import { type Observed, SimulatedGateway } from "./simulate.ts";

/** Messages above this size are split at places near their ends and at some between. */
const EVERY_SPLIT_BYTES_MAX = 1_000;

const full = (seen: Seen): Seen => ({
  ...seen,
  fields: seen.fields ?? [],
  body: seen.body ?? "",
  trailers: seen.trailers ?? [],
});

function expected(one: RequestCase): Observed {
  return { statuses: [...one.statuses], closes: one.closes, upstream: one.upstream.map(full) };
}

function observe(pieces: readonly Uint8Array[]): Observed {
  const gateway = new SimulatedGateway();
  for (const piece of pieces) gateway.feed(piece);
  return gateway.observed;
}

function splits(length: number): number[] {
  const all = Array.from({ length: length + 1 }, (_, at) => at);
  if (length <= EVERY_SPLIT_BYTES_MAX) return all;
  return all.filter((at) => at < 64 || at > length - 64 || at % 4_093 === 0);
}

test("the corpus has at least 250 cases, each with a name of its own", () => {
  const names = requestCases.map(({ name }) => name).concat(answerCases.map(({ name }) => `answer: ${name}`));
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  expect({ isLarge: requestCases.length >= 250, repeated }).toEqual({ isLarge: true, repeated: [] });
});

for (const [theme, cases] of Object.entries(requestThemes)) {
  test(`${theme}: each of ${cases.length} messages is answered and forwarded as expected`, () => {
    for (const one of cases) {
      const bytes = new Uint8Array(Buffer.from(one.bytes, "latin1"));
      expect({ name: one.name, ...observe([bytes]) }).toEqual({ name: one.name, ...expected(one) });
    }
  });

  test(`${theme}: a split at any byte makes no difference`, () => {
    for (const one of cases) {
      const bytes = new Uint8Array(Buffer.from(one.bytes, "latin1"));
      const wanted = JSON.stringify(expected(one));
      for (const at of splits(bytes.length)) {
        const observed = JSON.stringify(observe([bytes.subarray(0, at), bytes.subarray(at)]));
        if (observed !== wanted)
          expect({ name: one.name, at, observed }).toEqual({ name: one.name, at, observed: wanted });
      }
      if (bytes.length > EVERY_SPLIT_BYTES_MAX) continue;
      const observed = JSON.stringify(observe(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))));
      expect({ name: one.name, observed }).toEqual({ name: one.name, observed: wanted });
    }
  });
}

/** A gateway over TLS whose certificate no system knows: what is said of it, and that it is measured once it is trusted. */
import { afterAll, expect, test } from "bun:test";
import {
  experiments,
  readFingerprint,
  runSuite,
  type TargetTls,
  tinyProfile,
  useUnknown,
} from "../../src/prove/mod.ts";
import { TestAuthority } from "../authority.ts";

const authority = new TestAuthority();
const { chainPem, keyPem } = authority.certificate({ names: ["127.0.0.1"] });
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: { cert: chainPem, key: keyPem },
  fetch: () => new Response("ok"),
});
const url = `https://127.0.0.1:${server.port}/`;
afterAll(async () => {
  await server.stop(true);
  authority.free();
});

async function soaked(tls: TargetTls): Promise<number | null | undefined> {
  const { results } = await runSuite(
    {
      profile: { ...tinyProfile, soakMs: 2000 },
      seed: 1,
      machine: await readFingerprint({ watchMs: 0 }),
      unknown: await useUnknown({ url, tls }),
      signal: new AbortController().signal,
      soakPerSecond: 100,
      workersCount: 1,
      kneePerSecond: 100,
      toleratesGenerator: true,
    },
    experiments.filter(({ name }) => name === "soak"),
    [],
    { onBegin: () => {}, onStep: () => {}, onEnd: () => {} },
  );
  return results[0]?.figures["soak_errors"]?.value;
}

test("a certificate that nobody vouches for is told as such, with the way out", async () => {
  const refused = await useUnknown({ url }).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "prove.target",
    message: expect.stringMatching(/^the certificate of https:\/\/127\.0\.0\.1:\d+ is not accepted: .*verify/),
    hint: "give its authority with --cacert FILE, or accept any certificate with --insecure",
  });
  const unread = useUnknown({ url, tls: { verifies: true, authorityFile: `${authority.file}.none` } });
  await expect(unread).rejects.toMatchObject({ message: expect.stringContaining("none cannot be read") });
});

test("it is measured when any certificate is taken, and when its authority is given", async () => {
  const trusting: TargetTls = { verifies: false, authorityFile: null };
  expect((await useUnknown({ url, tls: trusting })).tls).toEqual(trusting);
  expect(await soaked({ verifies: true, authorityFile: authority.file })).toBe(0);
}, 60_000);

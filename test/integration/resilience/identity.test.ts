/** Who may use a route, seen from outside: tokens, signatures and keys through a real gateway with two workers. */
import { afterEach, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { signedText } from "../../../src/identity/mod.ts";
import { GatewayProcess } from "../supervisor/gateway-process.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-identity-test-"));
const pair = await generateKeyPair("ES256", { extractable: true });
writeFileSync(
  join(folder, "jwks.json"),
  JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: "ES256" }] }),
);
writeFileSync(join(folder, "hmac"), "desk s3cret\n");
writeFileSync(join(folder, "keys"), `robot ${createHash("sha256").update("robot-key").digest("hex")}\n`);
let gateway: GatewayProcess;
afterEach(() => gateway.close());
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const config = `workers: 2
upstreams: { core: { endpoints: ["{upstream}"] } }
identity:
  jwt: { staff: { keys: { file: ${folder}/jwks.json }, audience: weir } }
  hmac: { partner: { keys: { file: ${folder}/hmac } } }
  apiKeys: { robots: { keys: { file: ${folder}/keys } } }
rateLimits: { each: { rate: 3/m, burst: 3, by: identity } }
routes:
  - match: { path: /quotes/* }
    upstream: core
    identity: { accept: robots }
    rateLimits: each
  - match: { path: /admin/* }
    respond: { body: "inside" }
    identity: { accept: staff, claims: { roles: admin } }
  - match: { path: "/*" }
    upstream: core
    identity: { accept: [staff, partner, robots], forward: { X-Subject: sub }, dropProof: on }
`;

const token = (claims: Record<string, unknown>, expires: string | number = "1m"): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256" })
    .setAudience("weir")
    .setExpirationTime(expires)
    .sign(pair.privateKey);

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ result: string; text: string; response: Response }> {
  const response = await fetch(`http://127.0.0.1:${await gateway.port()}${path}`, { ...init, keepalive: false });
  const text = await response.text();
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  return {
    result: `${response.status} ${isProblem ? (JSON.parse(text) as { outcome: string }).outcome : "passed"}`,
    text,
    response,
  };
}

const bearer = (value: string): RequestInit => ({
  headers: { authorization: `Bearer ${value}`, "x-subject": "forged" },
});

test("tokens, keys and signatures let in whom they prove, once where they must, and nobody else", async () => {
  gateway = await GatewayProcess.start({ config });
  const missing = await ask("/echo");
  expect([missing.result, missing.response.headers.get("www-authenticate")]).toEqual([
    "401 identity-missing",
    "Bearer, Weir-HMAC-SHA256",
  ]);
  const alice = await token({ sub: "alice", roles: ["user"] });
  for (let index = 0; index < 6; index++) {
    const echoed = await ask("/echo", { ...bearer(alice), method: "POST", body: "hello" });
    expect(echoed.result).toBe("200 passed");
    expect([echoed.text.includes("alice"), echoed.text.includes("forged"), echoed.text.includes(alice)]).toEqual([
      true,
      false,
      false,
    ]);
  }
  expect((await ask("/echo", bearer(await token({ sub: "a" }, Math.floor(Date.now() / 1000) - 60)))).result).toBe(
    "401 identity-expired",
  );
  expect((await ask("/echo", bearer(`${alice}x`))).result).toBe("401 identity-invalid");
  expect((await ask("/admin/x", bearer(alice))).result).toBe("403 identity-forbidden");
  expect((await ask("/admin/x", bearer(await token({ sub: "root", roles: ["admin"] })))).text).toBe("inside");
  const body = '{"quantity":1}';
  const port = await gateway.port();
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const timestamp = String(Date.now());
  const parts = { method: "POST", target: "/orders", host: `127.0.0.1:${port}`, contentDigest: digest, hasBody: true };
  const signature = createHmac("sha256", "s3cret")
    .update(signedText(parts, timestamp, "nonce-0123456789"))
    .digest("base64url");
  const headers = {
    authorization: `Weir-HMAC-SHA256 desk:${timestamp}:nonce-0123456789:${signature}`,
    "content-digest": digest,
  };
  const changed = await ask("/orders", { method: "POST", headers, body: '{"quantity":9}' });
  expect(changed.result).toBe("401 identity-invalid");
  // The nonce is used up by the request with the changed body, whichever worker gets the copies.
  const copies = await Promise.all([1, 2, 3, 4].map(() => ask("/orders", { method: "POST", headers, body })));
  expect(new Set(copies.map(({ result }) => result))).toEqual(new Set(["401 signature-replayed"]));
  const robot = { headers: { "x-api-key": "robot-key" } };
  const results = [];
  for (let index = 0; index < 5; index++) results.push((await ask("/quotes/A", robot)).result);
  expect(results).toEqual(["200 passed", "200 passed", "200 passed", "429 rate-limited", "429 rate-limited"]);
  expect((await ask("/quotes/A", { headers: { "x-api-key": "other" } })).result).toBe("401 identity-invalid");
});

test("a step of the wall clock, either way, refuses no valid token and lets no expired one in", async () => {
  const offsetFile = join(folder, "offset");
  writeFileSync(offsetFile, "+0s");
  const library = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketime.so.1`;
  const environment = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  gateway = await GatewayProcess.start({ config, environment });
  const valid = await token({ sub: "alice" });
  const expired = await token({ sub: "alice" }, Math.floor(Date.now() / 1000) - 30);
  for (const offset of ["+0s", "+900s", "-900s"]) {
    writeFileSync(offsetFile, offset);
    // The gateway's own Date field shows when every worker has seen the step.
    await untilShifted(Number.parseInt(offset, 10));
    for (let index = 0; index < 10; index++) {
      expect([offset, (await ask("/echo", bearer(valid))).result]).toEqual([offset, "200 passed"]);
      expect([offset, (await ask("/echo", bearer(expired))).result]).toEqual([offset, "401 identity-expired"]);
    }
  }
});

/** Waits until ten answers of the gateway's own in a row are dated by the shifted clock. */
async function untilShifted(seconds: number): Promise<void> {
  const endMs = performance.now() + 15_000;
  for (let inRow = 0; inRow < 10; ) {
    const { response } = await ask("/echo");
    const seen = (Date.parse(response.headers.get("date")!) - Date.now()) / 1000;
    inRow = Math.abs(seen - seconds) < 5 ? inRow + 1 : 0;
    if (performance.now() > endMs) throw new Error(`the clock is shifted by ${seen} s`);
  }
}

import { afterEach, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Outcome } from "../base/mod.ts";
import { ApiKeys } from "./api-keys.ts";
import { decide, makeIdentity } from "./identity.ts";
import { NonceTable, nonceTableCells } from "./nonce-table.ts";
import { ProofCache } from "./proof-cache.ts";
import { SignatureVerifier, type SignedParts, signedRequest, signedText } from "./signature.ts";
import { TokenVerifier } from "./tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-identity-"));
const nowMs = 1_800_000_000_000;
const verifiers: TokenVerifier[] = [];
afterEach(() => {
  for (const verifier of verifiers.splice(0)) verifier.stop();
});
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

async function makeTokens(toleranceMs = 1000) {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const file = join(folder, `keys-${Math.random()}.json`);
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256" };
  writeFileSync(file, JSON.stringify({ keys: [jwk] }));
  const verifier = new TokenVerifier(
    {
      name: "staff",
      keys: { kind: "file", path: file },
      issuer: "https://issuer.example",
      audience: "weir",
      algorithms: ["ES256"],
      refreshMs: 60_000,
      toleranceMs,
      cacheMax: 100,
    },
    1,
  );
  verifiers.push(verifier);
  verifier.start();
  const sign = (
    claims: Record<string, unknown>,
    key: Parameters<SignJWT["sign"]>[0] = pair.privateKey,
  ): Promise<string> =>
    new SignJWT({ iss: "https://issuer.example", aud: "weir", sub: "alice", exp: nowMs / 1000 + 60, ...claims })
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .sign(key);
  return { verifier, sign, file };
}

test("a token is verified once and then known by its bytes, all of them", async () => {
  const { verifier, sign } = await makeTokens();
  const token = Buffer.from(await sign({ role: "trader" }));
  expect(verifier.find(token, 0, token.length)).toBeNull();
  const identity = await verifier.verify(token.toString(), nowMs);
  expect(identity).toMatchObject({ proof: "staff", subject: "alice", expiresMs: nowMs + 61_000 });
  expect(verifier.find(token, 0, token.length)).toBe(identity as never);
  const padded = Buffer.concat([Buffer.from("xx"), token]);
  expect(verifier.find(padded, 2, padded.length)).toBe(identity as never);
  for (const offset of [0, 40, token.length - 1]) {
    const other = Buffer.from(token);
    other[offset]! ^= 1;
    expect(verifier.find(other, 0, other.length)).toBeNull();
    expect(await verifier.verify(other.toString("latin1"), nowMs)).toBe(Outcome.identityInvalid);
  }
});

test("the time that counts is the one given, so a corrected clock accepts and refuses rightly", async () => {
  const { verifier, sign } = await makeTokens();
  const token = await sign({ nbf: nowMs / 1000 });
  expect(await verifier.verify(token, nowMs + 62_000)).toBe(Outcome.identityExpired);
  expect(await verifier.verify(token, nowMs - 2_000)).toBe(Outcome.identityExpired);
  expect(await verifier.verify(token, nowMs)).toMatchObject({ subject: "alice" });
});

test("tokens of other issuers, audiences, keys and algorithms, and those without an end, are refused", async () => {
  const { verifier, sign } = await makeTokens();
  const stranger = await generateKeyPair("ES256");
  const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"sub":"a","exp":9999999999}').toString("base64url")}.`;
  const tokens = [
    await sign({ iss: "https://other.example" }),
    await sign({ aud: "other" }),
    await sign({}, stranger.privateKey),
    await sign({ exp: undefined }),
    unsigned,
    "",
    "a.b.c",
  ];
  const results = await Promise.all(tokens.map((token) => verifier.verify(token, nowMs)));
  expect(results).toEqual(tokens.map(() => Outcome.identityInvalid));
});

test("without a readable key set tokens are unavailable, not invalid", async () => {
  const { verifier, sign, file } = await makeTokens();
  rmSync(file);
  await Bun.sleep(0);
  const fresh = new TokenVerifier({ ...verifier["settings"], keys: { kind: "file", path: file } }, 1);
  expect(await fresh.verify(await sign({}), nowMs)).toBe(Outcome.identityUnavailable);
  expect([fresh.failures, fresh.lastFailure.includes("ENOENT")]).toEqual([1, true]);
});

const parts: SignedParts = {
  method: "POST",
  target: "/orders?a=1",
  host: "weir.example",
  contentDigest: "sha-256=:x:",
  hasBody: true,
};

function signatureOf(
  change: Partial<Record<"secret" | "time" | "nonce", string>> & { parts?: SignedParts } = {},
): string {
  const { secret = "s3cret", time = String(nowMs), nonce = "0123456789abcdef" } = change;
  const text = signedText(change.parts ?? parts, time, nonce);
  return `desk:${time}:${nonce}:${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

test("a signed request is accepted once, and whatever was changed makes it invalid", () => {
  const nonces = new NonceTable(new Int32Array(nonceTableCells(100)), 0, 100);
  const verifier = new SignatureVerifier("partner", "# keys\ndesk s3cret\n", 30_000, nonces, 5);
  const verify = (credentials: string, signed = parts, atMs = nowMs) =>
    verifier.verify(signedRequest(credentials, signed), atMs, 1000);
  const refused = [
    verify(signatureOf({ secret: "wrong" })),
    verify(signatureOf(), { ...parts, method: "PUT" }),
    verify(signatureOf(), { ...parts, target: "/orders?a=2" }),
    verify(signatureOf(), { ...parts, host: "other.example" }),
    verify(signatureOf(), { ...parts, contentDigest: "sha-256=:y:" }),
    verify(signatureOf({ nonce: "short" })),
    verify(`${signatureOf()}:more`),
    verify("desk:1:2"),
    verify(signatureOf({ parts: { ...parts, contentDigest: "" } }), { ...parts, contentDigest: "" }),
  ];
  expect(refused).toEqual(refused.map(() => Outcome.identityInvalid));
  expect(verify(signatureOf({ time: String(nowMs - 30_001) }))).toBe(Outcome.signatureStale);
  expect(verify(signatureOf({ time: String(nowMs + 30_001) }))).toBe(Outcome.signatureStale);
  expect(verify(signatureOf())).toMatchObject({ subject: "desk" });
  expect(verify(signatureOf())).toBe(Outcome.signatureReplayed);
  expect(verify(signatureOf({ nonce: "fedcba9876543210" }))).toMatchObject({ subject: "desk" });
});

test("a secret longer than a block is hashed first, as RFC 2104 says", () => {
  const secret = "s3cret".repeat(20);
  const nonces = new NonceTable(new Int32Array(nonceTableCells(100)), 0, 100);
  const verifier = new SignatureVerifier("partner", `desk ${secret}`, 30_000, nonces, 5);
  const request = signedRequest(signatureOf({ secret }), parts);
  expect(verifier.verify(request, nowMs, 1000)).toMatchObject({ subject: "desk" });
});

test("keys are found by their hash", () => {
  const keys = new ApiKeys("desks", "x-api-key", `desk-7 ${createHash("sha256").update("the key").digest("hex")}\n`, 1);
  const find = (text: string) => keys.find(Buffer.from(text), 0, text.length);
  expect([find("the key")?.subject, find("the key")?.subject, find("another key")]).toEqual(["desk-7", "desk-7", null]);
});

test("rules ask for claims, pass others on, and no claim can end a line or change the lane by accident", () => {
  const rule = {
    claims: [
      ["roles", "trader"],
      ["scope", "orders"],
    ] as const,
    forward: [
      ["x-subject", "sub"],
      ["x-name", "name"],
      ["x-none", "none"],
    ] as const,
    laneClaim: "lane",
    laneOf: (name: string) => (name === "order" ? 1 : undefined),
  };
  const good = makeIdentity("p", "a", {
    sub: "a",
    roles: ["x", "trader"],
    scope: "quotes orders",
    name: "A\r\nX-Evil: 1 é",
    lane: "order",
  });
  const decision = decide(good, rule);
  expect([decision.isAllowed, decision.lane]).toEqual([true, 1]);
  expect(Buffer.from(decision.lines).toString("latin1")).toBe("x-subject: a\r\nx-name: A%0D%0AX-Evil: 1 %C3%A9\r\n");
  expect(decide(good, rule)).toBe(decision);
  for (const claims of [
    {},
    { roles: "trader" },
    { roles: ["trader"], scope: "orders2" },
    { roles: ["traders"], scope: "orders" },
  ]) {
    expect(decide(makeIdentity("p", "a", claims), rule).isAllowed).toBe(false);
  }
});

test("the cache holds its number of proofs and forgets those used longest ago", () => {
  const cache = new ProofCache(64, 9);
  const proofs = Array.from({ length: 1000 }, (_, index) => Buffer.from(`proof ${index}`));
  for (const proof of proofs) cache.add(proof, makeIdentity("p", proof.toString(), {}));
  const known = proofs.filter((proof) => cache.find(proof, 0, proof.length)?.subject === proof.toString()).length;
  expect(known).toBeGreaterThan(40);
  expect(known).toBeLessThanOrEqual(64);
  cache.clear();
  expect(proofs.some((proof) => cache.find(proof, 0, proof.length) !== null)).toBe(false);
});

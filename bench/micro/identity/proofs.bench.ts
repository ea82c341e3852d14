/**
 * What a proof of identity costs a request, in microseconds of CPU: a cached token (the bar is 2 us), a signed request (6 us
 * with its nonce), an API key, and a token that is verified anew, for comparison.
 */
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import {
  ApiKeys,
  decide,
  NonceTable,
  nonceTableCells,
  SignatureVerifier,
  signedRequest,
  signedText,
  TokenVerifier,
} from "../../../src/identity/mod.ts";

const nowMs = 1_800_000_000_000;

export interface ProofCosts {
  readonly cachedTokenUs: number;
  readonly signatureUs: number;
  readonly apiKeyUs: number;
  readonly newTokenUs: number;
}

export async function measureProofs(rounds: number, requests: number): Promise<ProofCosts> {
  const folder = mkdtempSync(join(tmpdir(), "weir-proofs-"));
  try {
    const { verifier, tokens } = await prepareTokens(folder, Math.min(requests, 200));
    const newTokenUs = await measureNew(verifier, tokens);
    const rule = {
      claims: [["roles", "trader"]] as const,
      forward: [["x-sub", "sub"]] as const,
      laneClaim: null,
      laneOf: () => undefined,
    };
    const cachedTokenUs = median(rounds, requests, (request) => {
      const token = tokens[request % tokens.length]!;
      const identity = verifier.find(token, 0, token.length)!;
      if (nowMs >= identity.expiresMs || !decide(identity, rule).isAllowed) throw new Error("a token is not as it was");
    });
    verifier.stop();
    return {
      cachedTokenUs,
      signatureUs: measureSignatures(rounds, requests),
      apiKeyUs: measureKeys(rounds, requests),
      newTokenUs,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function prepareTokens(folder: string, count: number) {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const file = join(folder, "jwks.json");
  writeFileSync(file, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: "ES256" }] }));
  const settings = {
    name: "staff",
    keys: { kind: "file", path: file } as const,
    issuer: null,
    audience: null,
    algorithms: ["ES256"],
    refreshMs: 60_000,
    toleranceMs: 1000,
    // Far more places than tokens, so that no four share a set with a fifth and one is forgotten.
    cacheMax: 64 * count,
  };
  const verifier = new TokenVerifier(settings, 1);
  const tokens: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const claims = { sub: `client-${index}`, roles: ["trader"], desk: "equities", session: crypto.randomUUID() };
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).setExpirationTime(nowMs / 1000 + 3600);
    tokens.push(Buffer.from(await jwt.sign(pair.privateKey)));
  }
  return { verifier, tokens };
}

async function measureNew(verifier: TokenVerifier, tokens: readonly Buffer[]): Promise<number> {
  await verifier.verify(tokens[0]!.toString("latin1"), nowMs);
  const start = process.cpuUsage();
  for (const token of tokens) await verifier.verify(token.toString("latin1"), nowMs);
  const used = process.cpuUsage(start);
  return (used.user + used.system) / tokens.length;
}

/** Each request has a nonce of its own; signing is the client's and done before. */
function measureSignatures(rounds: number, requests: number): number {
  const noncesMax = 65_536;
  const cells = new Int32Array(new SharedArrayBuffer(4 * nonceTableCells(noncesMax)));
  const verifier = new SignatureVerifier("partner", "desk s3cret", 30_000, new NonceTable(cells, 0, noncesMax), 1);
  const contentDigest = `sha-256=:${createHash("sha256").update("{}").digest("base64")}:`;
  const parts = { method: "POST", target: "/orders?account=12345", host: "weir.example", contentDigest, hasBody: true };
  const signed = Array.from({ length: requests }, (_, index) => {
    const nonce = `nonce-${String(index).padStart(16, "0")}`;
    const signature = createHmac("sha256", "s3cret")
      .update(signedText(parts, String(nowMs), nonce))
      .digest("base64url");
    return signedRequest(`desk:${nowMs}:${nonce}:${signature}`, parts);
  });
  let round = 0;
  return median(rounds, requests, (request) => {
    if (request === 0) round += 1;
    // A round later all nonces of the one before have expired.
    const result = verifier.verify(signed[request]!, nowMs, round * 1000);
    if (typeof result === "number") throw new Error(`a signature was refused with ${result}`);
  });
}

function measureKeys(rounds: number, requests: number): number {
  const lines = Array.from(
    { length: 100 },
    (_, index) => `id-${index} ${createHash("sha256").update(`key-${index}`).digest("hex")}`,
  );
  const keys = new ApiKeys("desks", "x-api-key", lines.join("\n"), 1);
  const given = Array.from({ length: 100 }, (_, index) => Buffer.from(`key-${index}`));
  return median(rounds, requests, (request) => {
    const key = given[request % 100]!;
    if (keys.find(key, 0, key.length) === null) throw new Error("a key was not found");
  });
}

function median(rounds: number, requests: number, call: (request: number) => void): number {
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    for (let request = 0; request < requests; request++) call(request);
    const used = process.cpuUsage(start);
    costs.push((used.user + used.system) / requests);
  }
  return costs.sort((left, right) => left - right)[rounds >> 1]!;
}

if (import.meta.main) {
  const costs = await measureProofs(7, 40_000);
  console.log(`cached token      ${costs.cachedTokenUs.toFixed(2)} us`);
  console.log(`signed request    ${costs.signatureUs.toFixed(2)} us`);
  console.log(`API key           ${costs.apiKeyUs.toFixed(2)} us`);
  console.log(`token seen first  ${costs.newTokenUs.toFixed(1)} us`);
}

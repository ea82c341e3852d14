/**
 * Bearer tokens (RFC 7519), verified with `jose` against a JSON Web Key Set from a file or URL that is read again on a
 * schedule, and at once for a token with an unknown key. A verified token is remembered, and forgotten when the keys change.
 *
 * `jose` is loaded when the first verifier starts: a worker without tokens starts without it. A set that cannot be read
 * keeps the keys of the last time; without any, tokens are refused as unavailable, not as invalid.
 */
import { Outcome } from "../base/mod.ts";
import type { KeySource } from "../config/mod.ts";
import { type Identity, type IdentityOutcome, makeIdentity } from "./identity.ts";
import { ProofCache, proofBytesMax } from "./proof-cache.ts";

export interface TokenSettings {
  readonly name: string;
  readonly keys: KeySource;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly algorithms: readonly string[];
  readonly refreshMs: number;
  readonly toleranceMs: number;
  readonly cacheMax: number;
}

const urgentMsMin = 30_000;
const fetchTimeoutMs = 5_000;
/** Verifications under way at once; more wait for nobody and are told to come back. */
const pendingMax = 1_000;

type Jose = typeof import("jose");
type KeyFinder = ReturnType<Jose["createLocalJWKSet"]>;

export class TokenVerifier {
  readonly name: string;
  private readonly settings: TokenSettings;
  private readonly cache: ProofCache;
  private jose: Jose | null = null;
  private keys: KeyFinder | null = null;
  private keysText = "";
  private timer: Timer | null = null;
  private readAtMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | null = null;
  private pending = 0;
  /** Reads of the key set that failed since the last good one, and why the last did. */
  failures = 0;
  lastFailure = "";

  constructor(settings: TokenSettings, seed: number) {
    this.name = settings.name;
    this.settings = settings;
    this.cache = new ProofCache(settings.cacheMax, seed);
  }

  /** Begins to read the keys. */
  start(): void {
    void this.read();
    this.timer = setInterval(() => void this.read(), this.settings.refreshMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** What `bytes[from, to)` proves, where it was verified before; null where `verify` has to be asked. */
  find(bytes: Uint8Array, from: number, to: number): Identity | null {
    return this.cache.find(bytes, from, to);
  }

  /** Verifies a token at the time `trustedMs`. */
  async verify(token: string, trustedMs: number): Promise<Identity | IdentityOutcome> {
    if (token.length > proofBytesMax) return Outcome.identityInvalid;
    if (this.pending >= pendingMax) return Outcome.identityUnavailable;
    this.pending += 1;
    try {
      if (this.keys === null) await this.read();
      return await this.verifyWithKeys(token, trustedMs, true);
    } finally {
      this.pending -= 1;
    }
  }

  private async verifyWithKeys(
    token: string,
    trustedMs: number,
    mayRead: boolean,
  ): Promise<Identity | IdentityOutcome> {
    const { jose, keys, settings } = this;
    if (jose === null || keys === null) return Outcome.identityUnavailable;
    const { issuer, audience, toleranceMs } = settings;
    try {
      const { payload } = await jose.jwtVerify(token, keys, {
        algorithms: [...settings.algorithms],
        currentDate: new Date(trustedMs),
        clockTolerance: toleranceMs / 1000,
        requiredClaims: ["exp"],
        ...(issuer !== null && { issuer }),
        ...(audience !== null && { audience }),
      });
      const identity = makeIdentity(
        settings.name,
        payload.sub ?? "",
        payload,
        payload.nbf === undefined ? Number.NEGATIVE_INFINITY : payload.nbf * 1000 - toleranceMs,
        payload.exp! * 1000 + toleranceMs,
      );
      this.cache.add(Buffer.from(token, "latin1"), identity);
      return identity;
    } catch (error) {
      const isUnknownKey = error instanceof jose.errors.JWKSNoMatchingKey;
      if (isUnknownKey && mayRead && performance.now() - this.readAtMs > urgentMsMin) {
        await this.read();
        return this.verifyWithKeys(token, trustedMs, false);
      }
      if (error instanceof jose.errors.JWTExpired) return Outcome.identityExpired;
      const isTooEarly = error instanceof jose.errors.JWTClaimValidationFailed && error.claim === "nbf";
      return isTooEarly ? Outcome.identityExpired : Outcome.identityInvalid;
    }
  }

  /** One read at a time; whoever asks meanwhile waits for the same. */
  private read(): Promise<void> {
    this.reading ??= this.readKeys().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  private async readKeys(): Promise<void> {
    this.readAtMs = performance.now();
    try {
      this.jose ??= await import("jose");
      const text = await this.readText();
      this.failures = 0;
      if (text === this.keysText) return;
      this.keys = this.jose.createLocalJWKSet(JSON.parse(text) as Parameters<Jose["createLocalJWKSet"]>[0]);
      this.keysText = text;
      this.cache.clear();
    } catch (error) {
      this.failures += 1;
      this.lastFailure = error instanceof Error ? error.message : String(error);
    }
  }

  private async readText(): Promise<string> {
    const { keys } = this.settings;
    if (keys.kind === "file") return await Bun.file(keys.path).text();
    const response = await fetch(keys.url, { signal: AbortSignal.timeout(fetchTimeoutMs), redirect: "error" });
    if (!response.ok) throw new Error(`the key set answers ${response.status}`);
    return await response.text();
  }
}

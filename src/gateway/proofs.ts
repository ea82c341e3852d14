/** The proofs of identity that a configuration names, made ready, and kept over a reload that does not change them. */
import { readSecret } from "../base/mod.ts";
import type { Config, RouteConfig } from "../config/mod.ts";
import { ApiKeys, NonceTable, nonceTableCells, SignatureVerifier, TokenVerifier } from "../identity/mod.ts";
import { laneOf } from "../lanes/mod.ts";
import type { CellDirectory } from "../resilience/mod.ts";
import { IdentityPlan, type Proof } from "./identify.ts";

interface Kept {
  readonly source: string;
  readonly proof: Proof;
}

export class Proofs {
  private readonly directory: CellDirectory;
  private readonly seed: number;
  private current = new Map<string, Kept>();
  private prepared = new Map<string, Kept>();

  constructor(directory: CellDirectory, seed: number) {
    this.directory = directory;
    this.seed = seed;
  }

  /** Makes the proofs of a configuration; throws a `WeirError` where a secret cannot be read. */
  prepare(config: Config): void {
    const { jwt, hmac, apiKeys, certificates } = config.identity;
    const { seed, directory } = this;
    const prepared = new Map<string, Kept>();
    const add = (name: string, settings: unknown, secret: string, make: () => Proof): void => {
      const source = JSON.stringify([settings, secret]);
      const kept = this.current.get(name);
      prepared.set(name, kept?.source === source ? kept : { source, proof: make() });
    };
    for (const one of jwt) add(one.name, one, "", () => ({ kind: "jwt", verifier: new TokenVerifier(one, seed) }));
    for (const one of hmac) {
      const secret = readSecret(one.keys);
      add(one.name, one, secret, () => {
        const at = directory.take(`nonces ${one.name} ${one.noncesMax}`, nonceTableCells(one.noncesMax));
        const nonces = new NonceTable(directory.cells, at, one.noncesMax);
        return { kind: "hmac", verifier: new SignatureVerifier(one.name, secret, one.windowMs, nonces, seed) };
      });
    }
    for (const one of apiKeys) {
      const lines = readSecret(one.keys);
      add(one.name, one, lines, () => ({ kind: "apiKey", keys: new ApiKeys(one.name, one.field, lines, seed) }));
    }
    for (const one of certificates) {
      const fingerprints = new Set(one.fingerprints.map((text) => text.replaceAll(":", "").toLowerCase()));
      add(one.name, one, "", () => ({ kind: "certificate", name: one.name, fingerprints }));
    }
    this.prepared = prepared;
  }

  /** The plan of a route, of the proofs last prepared; null where everybody may use it. */
  planOf(route: RouteConfig): IdentityPlan | null {
    const { identity } = route;
    if (identity === null) return null;
    const proofs = identity.accept.flatMap((name): Proof[] => {
      const kept = this.prepared.get(name);
      return kept === undefined ? [] : [kept.proof];
    });
    const { claims, forward, laneClaim } = identity;
    return new IdentityPlan(proofs, { claims, forward, laneClaim, laneOf });
  }

  /** The proofs last prepared are in force: those that read keys begin to, those that are gone stop. */
  commit(): void {
    const before = this.current;
    this.current = this.prepared;
    for (const [name, kept] of this.current) {
      if (before.get(name) !== kept && kept.proof.kind === "jwt") kept.proof.verifier.start();
    }
    for (const [name, kept] of before) {
      if (this.current.get(name) !== kept && kept.proof.kind === "jwt") kept.proof.verifier.stop();
    }
  }

  close(): void {
    for (const { proof } of this.current.values()) if (proof.kind === "jwt") proof.verifier.stop();
  }
}

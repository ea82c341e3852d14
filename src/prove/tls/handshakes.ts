/**
 * TLS handshakes as a client makes them, from processes of their own on the runtime's TLS, so that neither their processor
 * time nor their code is shared with what is measured. `handshake-client.ts` is the program of one.
 */
import { join } from "node:path";
import { WeirError } from "../../base/mod.ts";

export interface HandshakePlan {
  readonly host: string;
  readonly port: number;
  /** Path of the one request that each connection makes. */
  readonly path: string;
  /** Names of the client's ALPN list, in its order. */
  readonly protocols: readonly string[];
  readonly isResumed: boolean;
  /** Open loop: new connections become due at this rate. Null: one after the other. */
  readonly perSecond: number | null;
  /** Open loop: for so long; else until so many are made. */
  readonly durationMs: number;
  readonly count: number;
}

/** What one client process made. */
export interface HandshakeResult {
  /** Of each connection that succeeded, microseconds from its start (open loop: from when it was due) to the end of its handshake. */
  readonly handshakeUs: readonly number[];
  /** The same to the whole answer of its request. */
  readonly answerUs: readonly number[];
  readonly resumedCount: number;
  readonly failedCount: number;
  readonly dueCount: number;
  /** Share of a core that the client used. */
  readonly cpuRatio: number;
}

/** Runs a plan in one client process; throws where that could not start. */
export async function runHandshakes(plan: HandshakePlan, signal: AbortSignal): Promise<HandshakeResult> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "handshake-client.ts"), JSON.stringify(plan)], {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const [told, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  signal.throwIfAborted();
  if (child.exitCode === 0) return JSON.parse(told) as HandshakeResult;
  throw new WeirError("prove.handshakes", `the TLS client failed: ${errors.trim().split("\n")[0] ?? ""}`, {
    hint: "the target must speak TLS 1.2 or later on this port",
    exitCode: 4,
  });
}

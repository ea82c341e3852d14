/** Any gateway by its URL: what can be measured from outside is, and nothing else is assumed. */
import { WeirError } from "../../base/mod.ts";
import { parseTarget } from "../../load/mod.ts";
import type { Target } from "./target.ts";

export interface UnknownOptions {
  readonly url: string;
  /** Processes of the gateway on this machine, for their processor time and memory. */
  readonly processIds?: readonly number[];
}

export async function useUnknown({ url, processIds = [] }: UnknownOptions): Promise<Target> {
  const { target, path } = parseTarget(url);
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const base = `${target.isSecure ? "https" : "http"}://${host}:${target.port}`;
  try {
    await fetch(base + path, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    throw new WeirError("prove.target", `${base} does not answer`, {
      hint: "start it, or correct the URL",
      cause: error,
      exitCode: 4,
    });
  }
  return {
    kind: "unknown",
    name: base,
    url: base,
    path,
    isLocal: target.host === "localhost" || target.host === "::1" || target.host.startsWith("127."),
    upstreamIds: [],
    workerIds: async () => processIds,
    metrics: async () => null,
    stop: async () => {},
  };
}

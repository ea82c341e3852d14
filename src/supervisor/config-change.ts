/** What a new configuration changes, and so what it takes to put it in force. */
import { statSync } from "node:fs";
import type { Config } from "../config/mod.ts";
import { tlsEngine } from "../transport/mod.ts";

/** Whether only new processes can run the configuration: descriptors, cores and logs are given to one at its start. */
export function needsProcesses(present: Config, next: Config): boolean {
  const parts = ({ listeners, workers, cpuPinning, collector, accessLog }: Config): unknown => ({
    listeners: listeners.map((listener) => ({ ...listener, tls: socketTls(listener.tls) })),
    workers,
    cpuPinning,
    collector: { concurrent: collector.concurrent, allocationBytesMax: collector.allocationBytesMax },
    accessLog,
  });
  return !Bun.deepEquals(parts(present), parts(next));
}

/**
 * What of a listener's TLS is given to the socket and so needs a new process: with OpenSSL only that there is TLS, because
 * certificates are exchanged in place; with the runtime's own TLS everything.
 */
function socketTls(tls: Config["listeners"][number]["tls"]): unknown {
  if (tls === null) return null;
  return tlsEngine(tls.engine).kind === "bytes" ? { engine: tls.engine } : tls;
}

/**
 * Size and time of every file that a configuration names (certificates, keys, tokens): a reload takes them over when they
 * changed, also where the configuration itself did not.
 */
export function filesFingerprint({ routes: _routes, accessLog: _accessLog, ...config }: Config): string {
  const facts: string[] = [];
  const open: unknown[] = [config];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value === "string") {
      const found = value.startsWith("/") ? statSync(value, { throwIfNoEntry: false }) : undefined;
      if (found?.isFile()) facts.push(`${value} ${found.ino} ${found.size} ${found.mtimeMs}`);
    } else if (typeof value === "object" && value !== null) {
      open.push(...Object.values(value).filter((inner) => inner !== undefined));
    }
  }
  return facts.sort().join("\n");
}

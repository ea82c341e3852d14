/** A real `weir serve` with one worker in a process of its own, on ports the kernel chose. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

export interface RunningGateway {
  readonly port: number;
  /** Ends it; throws when it does not end by itself or not well. */
  stop(): Promise<void>;
}

/** Starts a gateway that passes everything to `127.0.0.1:upstreamPort`. */
export async function startGateway(upstreamPort: number, mode: "exclusive" | "pipelined"): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), "weir-conformance-"));
  const file = join(folder, "weir.yaml");
  writeFileSync(file, configuration(upstreamPort, mode));
  const main = join(import.meta.dir, "../../../src/cli/main.ts");
  const child = Bun.spawn([process.execPath, main, "serve", file], { stdout: "pipe", stderr: "pipe" });
  const log = new Response(child.stderr).text();
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const code = await child.exited;
    clearTimeout(timer);
    rmSync(folder, { recursive: true });
    if (code !== 0) throw new Error(`the gateway ended with ${child.signalCode ?? code}:\n${await log}`);
    if (/\(process \d+\) ended|AssertionError/.test(await log)) throw new Error(await log);
  };
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const port = await portOf(child.stdout);
  clearTimeout(timer);
  if (port === null) throw new Error(`the gateway did not start:\n${await log}`);
  return { port, stop };
}

function configuration(upstreamPort: number, mode: string): string {
  return `workers: 1
listeners:
  public: { address: "127.0.0.1:0" }
upstreams:
  recorder:
    endpoints: ["127.0.0.1:${upstreamPort}"]
    connections: { mode: ${mode} }
routes:
  - match: { path: "/*" }
    upstream: recorder
limits: { headMax: 32KiB, fieldsMax: 100, targetMax: 8KiB, chunkExtensionMax: 256B, trailerMax: 8KiB }
paths: { encodedSlash: pass }
health: off
admin: off
metrics: off
accessLog: off
`;
}

/** Reads what the gateway prints until it says where it listens; what follows is read and dropped. */
async function portOf(stdout: ReadableStream<Uint8Array>): Promise<number | null> {
  const reader = stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return null;
    text += decoder.decode(value, { stream: true });
    const match = /http:\/\/127\.0\.0\.1:(\d+)\s/.exec(text);
    if (match === null) continue;
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return Number(match[1]);
  }
}

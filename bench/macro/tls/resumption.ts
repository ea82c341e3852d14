/**
 * Resumption over several workers and across a restart: one full handshake, and then reconnects with the last ticket, half of
 * them before and half after `weir restart`.
 *
 *     bun bench/macro/tls/resumption.ts [reconnects] [workers]
 *
 * The bar: at least 95 % of the reconnects resume, with 2 workers and across a restart. The kernel spreads the connections over
 * the workers, so that half of them meet another one than the ticket's; the engine is `openssl`.
 */
import { connect, type TLSSocket } from "node:tls";
import { anyCore, Fleet, main, otherCore, startBackend, until } from "../../rig/mod.ts";

const BAR_RATIO = 0.95;

export interface ResumptionFindings {
  readonly reconnects: number;
  readonly resumedBefore: number;
  readonly resumedAfter: number;
}

export async function measureResumption(reconnects: number, workers: number): Promise<ResumptionFindings> {
  const fleet = new Fleet();
  try {
    await fleet.run(otherCore, [
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", "/CN=bench.example.com", "-days", "2", "-keyout", "bench.key", "-out", "bench.pem"],
    ]);
    const backendPort = await startBackend(fleet);
    const file = fleet.write(
      "resumption.yaml",
      `workers: ${workers}
listeners:
  edge: { address: "127.0.0.1:0", tls: { engine: openssl, certificates: { certificate: bench.pem, key: bench.key } } }
upstreams: { plain: { endpoints: "127.0.0.1:${backendPort}" } }
metrics: off
admin: { address: "unix:${fleet.folder}/resumption.sock" }
routes: [{ match: { path: /* }, upstream: plain }]
`,
    );
    const weir = fleet.start(anyCore, [process.execPath, main, "serve", file]);
    await until(weir, () => weir.printed().includes("operate it"));
    const port = Number(/listener edge: https:\/\/[^:]+:(\d+)/.exec(weir.printed())![1]);
    const visitor = new Visitor(port);
    await visitor.visit();
    const half = Math.ceil(reconnects / 2);
    const resumedBefore = await visitor.resumptions(half);
    await fleet.run(anyCore, [process.execPath, main, "restart", file]);
    const resumedAfter = await visitor.resumptions(reconnects - half);
    return { reconnects, resumedBefore, resumedAfter };
  } finally {
    await fleet.close();
  }
}

/** A client that keeps its last ticket. */
class Visitor {
  private readonly port: number;
  private ticket: Buffer | undefined = undefined;

  constructor(port: number) {
    this.port = port;
  }

  /** How many of so many reconnects, one after the other, resumed. */
  async resumptions(reconnects: number): Promise<number> {
    let resumed = 0;
    for (let count = 0; count < reconnects; count++) if (await this.visit()) resumed++;
    return resumed;
  }

  /** Connects, asks for something, and hears the answer; whether the session was resumed. */
  visit(): Promise<boolean> {
    const { port, ticket } = this;
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
      const socket: TLSSocket = connect(ticket === undefined ? options : { ...options, session: ticket }, () =>
        socket.write("GET /quotes HTTP/1.1\r\nHost: bench\r\n\r\n"),
      );
      socket.on("session", (next: Buffer) => {
        this.ticket = next;
      });
      socket.on("error", reject);
      socket.on("data", () => {
        const isResumed = socket.isSessionReused();
        socket.destroy();
        resolve(isResumed);
      });
    });
  }
}

export function renderResumption({ reconnects, resumedBefore, resumedAfter }: ResumptionFindings): string {
  const ratio = (resumedBefore + resumedAfter) / reconnects;
  const verdict = ratio >= BAR_RATIO ? "met" : "MISSED";
  return `${resumedBefore} resumed before the restart and ${resumedAfter} after it, of ${reconnects}: ${(100 * ratio).toFixed(1)} %, bar 95 %: ${verdict}`;
}

if (import.meta.main) {
  const reconnects = Number(process.argv[2] ?? 400);
  console.log(renderResumption(await measureResumption(reconnects, Number(process.argv[3] ?? 2))));
}

/**
 * Opens connections one after another in several lanes, each with one request, and reports as JSON how long the handshakes
 * took. A process of its own on the runtime's TLS, so that neither its CPU nor its code is shared with what is measured.
 *
 *     bun handshake-client.ts PORT COUNT LANES full|resumed NAME,NAME...
 */
import { connect, type TLSSocket } from "node:tls";

interface Handshake {
  readonly ms: number;
  readonly isResumed: boolean;
  readonly ticket: Buffer | undefined;
}

const [port, count, lanes, kind, names] = process.argv.slice(2);
const protocols = names!.split(",");
const latencies: number[] = [];
let resumedCount = 0;
let left = Number(count);

await Promise.all(Array.from({ length: Number(lanes) }, lane));
latencies.sort((left, right) => left - right);
console.log(JSON.stringify({ medianMs: latencies[Math.floor(latencies.length / 2)], resumedCount }));
process.exit(0);

async function lane(): Promise<void> {
  let ticket = kind === "resumed" ? (await handshake(undefined)).ticket : undefined;
  while (left > 0) {
    left--;
    const done = await handshake(ticket);
    latencies.push(done.ms);
    if (done.isResumed) resumedCount++;
    if (kind === "resumed") ticket = done.ticket ?? ticket;
  }
}

function handshake(session: Buffer | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    let ms = 0;
    let ticket: Buffer | undefined;
    const options = { host: "127.0.0.1", port: Number(port), rejectUnauthorized: false, ALPNProtocols: protocols };
    const socket: TLSSocket = connect(session === undefined ? options : { ...options, session }, () => {
      ms = performance.now() - startMs;
      socket.write("GET /quotes HTTP/1.1\r\nHost: bench\r\n\r\n");
    });
    socket.on("session", (next: Buffer) => {
      ticket = next;
    });
    socket.on("error", reject);
    socket.on("data", () => {
      const isResumed = socket.isSessionReused();
      socket.destroy();
      resolve({ ms, isResumed, ticket });
    });
  });
}

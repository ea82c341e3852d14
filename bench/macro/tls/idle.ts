/**
 * Memory of an idle TLS connection: what each gateway's resident memory grows by while connections that have made one
 * request stay open.
 *
 *     bun bench/macro/tls/idle.ts [connections]
 *
 * The bars: 9 KB with OpenSSL, 6 KB with the runtime's own. A few are opened and closed before, so that what is allocated
 * once does not count (many would leave free memory behind, in which the measured ones would vanish); kernel memory is not resident in a process and does not count either.
 */
import { Gateways, privateBytes, type Target } from "./gateways.ts";

const REQUEST = "GET /quotes HTTP/1.1\r\nHost: bench\r\n\r\n";
const LANES = 16;
const WARM_CONNECTIONS = 64;

/** Bytes of resident memory for each idle connection. */
export async function measureIdleBytes(target: Target, connections: number): Promise<number> {
  const warm = await open(target.port, WARM_CONNECTIONS);
  for (const socket of warm) socket.end();
  await settled(target.pid);
  const beforeBytes = privateBytes(target.pid);
  const sockets = await open(target.port, connections);
  await settled(target.pid);
  const bytes = (privateBytes(target.pid) - beforeBytes) / connections;
  for (const socket of sockets) socket.end();
  return bytes;
}

async function open(port: number, count: number): Promise<Bun.Socket<undefined>[]> {
  const sockets: Bun.Socket<undefined>[] = [];
  const lane = async (): Promise<void> => {
    while (sockets.length < count) sockets.push(await openOne(port));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return sockets;
}

function openOne(port: number): Promise<Bun.Socket<undefined>> {
  return new Promise((resolve, reject) => {
    const connecting = Bun.connect<undefined>({
      hostname: "127.0.0.1",
      port,
      tls: { rejectUnauthorized: false },
      socket: {
        handshake(socket) {
          socket.setNoDelay(true);
          socket.write(REQUEST);
        },
        data: (socket) => resolve(socket),
        error: (_socket, error) => reject(error),
        close: () => reject(new Error("closed")),
      },
    });
    connecting.catch(reject);
  });
}

/** Waits until the process's memory has stopped to move: collectors work a little later. */
async function settled(pid: number): Promise<void> {
  let before = privateBytes(pid);
  for (let calm = 0, tries = 0; calm < 4 && tries < 40; tries++) {
    await Bun.sleep(500);
    const now = privateBytes(pid);
    calm = Math.abs(now - before) < 64 * 1024 ? calm + 1 : 0;
    before = now;
  }
}

if (import.meta.main) {
  const connections = Number(process.argv[2] ?? 4000);
  const gateways = await Gateways.start();
  try {
    for (const target of gateways.targets) {
      const bytes = await measureIdleBytes(target, connections);
      console.log(`${target.name.padEnd(13)} ${(bytes / 1000).toFixed(1)} KB per idle connection`);
    }
  } finally {
    await gateways.stop();
  }
}

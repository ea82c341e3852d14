/** The service behind the gateway in these tests: `/` says hello, `/bytes/N` sends N bytes, `/echo` the request's body. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export async function startUpstream(): Promise<{ server: Server; port: number; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const path = request.url!.split("?")[0]!;
    const count = path.match(/^\/bytes\/(\d+)$/)?.[1];
    if (path === "/hold") return;
    if (path === "/echo") {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () => response.end(Buffer.concat(pieces)));
    } else if (path === "/headers") response.end(JSON.stringify(request.headers));
    else if (count !== undefined) response.end(Buffer.alloc(Number(count), 0x61));
    else response.end("hello");
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port, requests };
}

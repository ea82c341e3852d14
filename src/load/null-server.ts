/**
 * @hot
 * The least a server can do: every read that ends a request is answered with the same bytes. It exists to show how fast the
 * generator is when nothing holds it back, so it does not parse; it only looks for the end of a head, and it knows no bodies.
 * Each process listens on the same port with SO_REUSEPORT.
 */
import type { Socket, TCPSocketListener, TCPSocketListenOptions } from "bun";

const answer = Buffer.from("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!");

export interface NullServer {
  readonly port: number;
  stop(): void;
}

/** What of a request has been seen: how many bytes of the blank line that ends its head. */
interface Connection {
  matched: number;
}

/** Listens in this process, together with others on the same port. Called once. @cold */
export function startNullServer(options: { readonly host?: string; readonly port?: number } = {}): NullServer {
  // `reusePort` is missing from the runtime's own type of this call.
  const listenOptions: TCPSocketListenOptions<Connection> & { reusePort: boolean } = {
    hostname: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    reusePort: true,
    socket: {
      open(socket) {
        socket.data = { matched: 0 };
        socket.setNoDelay(true);
      },
      data(socket, chunk) {
        for (let ends = headEnds(socket.data, chunk); ends > 0; ends--) reply(socket);
      },
    },
  };
  const listener: TCPSocketListener<Connection> = Bun.listen<Connection>(listenOptions);
  return { port: listener.port, stop: () => listener.stop(true) };
}

function reply(socket: Socket<Connection>): void {
  // A client that does not read what it asked for is not served on.
  if (socket.write(answer) < answer.length) socket.terminate();
}

/** How many heads end in a chunk. */
function headEnds(connection: Connection, chunk: Uint8Array): number {
  let ends = 0;
  let { matched } = connection;
  for (let offset = 0; offset < chunk.length; offset++) {
    const byte = chunk[offset]!;
    if (byte === ((matched & 1) === 0 ? 13 : 10)) matched++;
    else matched = byte === 13 ? 1 : 0;
    if (matched === 4) {
      ends++;
      matched = 0;
    }
  }
  connection.matched = matched;
  return ends;
}

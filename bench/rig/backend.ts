/**
 * The backend of every peer: answers each request with the same small JSON text, parses nothing but the ends of heads, and
 * so costs the least of the core it shares with the generator. Bodies of requests are not expected.
 */
import type { Socket, TCPSocketListenOptions } from "bun";
import { localAddress, openListeningSocket } from "../../src/transport/mod.ts";

const body = JSON.stringify({
  symbol: "WEIR",
  bid: "10.01",
  ask: "10.02",
  last: "10.01",
  volume: 123456,
  currency: "EUR",
});
const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
const answer = Buffer.from(head + body);
const REPLIES_MAX = 64;
const replies = Array.from({ length: REPLIES_MAX + 1 }, (_, count) =>
  Buffer.concat(Array.from({ length: count }, () => answer)),
);

interface Connection {
  /** How many bytes of a head's last blank line have been seen. */
  matched: number;
}

// The runtime's own queue of 512 drops the first packets of thousands of connections, which then come a second late.
const anywhere = { kind: "ip", host: "127.0.0.1", port: 0 } as const;
const descriptor = openListeningSocket(anywhere, { backlog: 4096, reusePort: false, isFirst: true });
const options = {
  fd: descriptor,
  socket: {
    open(socket: Socket<Connection>) {
      socket.data = { matched: 0 };
      socket.setNoDelay(true);
    },
    data(socket: Socket<Connection>, chunk: Uint8Array) {
      let ends = headEnds(socket.data, chunk);
      for (; ends > REPLIES_MAX; ends -= REPLIES_MAX) socket.write(replies[REPLIES_MAX]!);
      if (ends > 0) socket.write(replies[ends]!);
    },
  },
} as unknown as TCPSocketListenOptions<Connection>; // The runtime's own type does not know the descriptor.
Bun.listen<Connection>(options);
const address = localAddress(descriptor);
console.log(address.kind === "ip" ? address.port : 0);

function headEnds(connection: Connection, chunk: Uint8Array): number {
  const length = chunk.length;
  // Almost every chunk is one whole head: its end alone needs a look then.
  if (connection.matched === 0 && chunk[length - 1] === 10 && chunk[length - 3] === 10) {
    let ends = 1;
    for (let at = 3; at < length - 4; at++) if (chunk[at] === 10 && chunk[at - 2] === 10) ends++;
    return ends;
  }
  let ends = 0;
  let { matched } = connection;
  for (let offset = 0; offset < length; offset++) {
    const byte = chunk[offset]!;
    if (byte === ((matched & 1) === 0 ? 13 : 10)) matched++;
    else matched = byte === 13 ? 1 : 0;
    if (matched !== 4) continue;
    ends++;
    matched = 0;
  }
  connection.matched = matched;
  return ends;
}

/**
 * The backend of every peer: answers each request with the same small JSON text, parses nothing but the ends of heads, and
 * so costs the least of the core it shares with the generator. Bodies of requests are not expected.
 */
import { adopt, listenOn, localAddress, openListeningSocket, Wire } from "../../src/transport/mod.ts";
import { answerBody } from "./answer-body.ts";

const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answerBody.length}\r\n\r\n`;
const answer = Buffer.from(head + answerBody);
const REPLIES_MAX = 64;
const replies = Array.from({ length: REPLIES_MAX + 1 }, (_, count) =>
  Buffer.concat(Array.from({ length: count }, () => answer)),
);

class Connection extends Wire {
  /** How many bytes of a head's last blank line have been seen. */
  private matched = 0;

  onBytes(bytes: Uint8Array, from: number, to: number): void {
    let ends = this.headEnds(bytes, from, to);
    for (; ends > REPLIES_MAX; ends -= REPLIES_MAX) this.reply(REPLIES_MAX);
    if (ends > 0) this.reply(ends);
  }
  onWritable(): void {}
  onPeerEnd(): void {
    this.close();
  }
  onClosed(): void {}
  onTimer(): void {}

  private reply(count: number): void {
    const bytes = replies[count]!;
    this.write(bytes, 0, bytes.length);
  }

  private headEnds(chunk: Uint8Array, from: number, to: number): number {
    // Almost every chunk is one whole head: its end alone needs a look then.
    if (this.matched === 0 && chunk[to - 1] === 10 && chunk[to - 3] === 10) {
      let ends = 1;
      for (let at = from + 3; at < to - 4; at++) if (chunk[at] === 10 && chunk[at - 2] === 10) ends++;
      return ends;
    }
    let ends = 0;
    for (let offset = from; offset < to; offset++) {
      const byte = chunk[offset]!;
      if (byte === ((this.matched & 1) === 0 ? 13 : 10)) this.matched++;
      else this.matched = byte === 13 ? 1 : 0;
      if (this.matched !== 4) continue;
      ends++;
      this.matched = 0;
    }
    return ends;
  }
}

// The runtime's own queue of 512 drops the first packets of thousands of connections, which then come a second late.
const anywhere = { kind: "ip", host: "127.0.0.1", port: 0 } as const;
const descriptor = openListeningSocket(anywhere, { backlog: 4096, reusePort: false, isFirst: true });
listenOn(descriptor, (socket) => {
  adopt(socket, new Connection());
  socket.setNoDelay(true);
});
const address = localAddress(descriptor);
console.log(address.kind === "ip" ? address.port : 0);

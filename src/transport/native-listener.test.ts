import { expect, test } from "bun:test";
import { join } from "node:path";

/** A server of its own process that answers "here", on a port that it prints. */
const program = `
const { adopt, listenOn, localAddress, openListeningSocket, Wire } = await import(${JSON.stringify(join(import.meta.dir, "mod.ts"))});
class Answering extends Wire {
  onBytes() { this.write(Buffer.from("here"), 0, 4); this.endWriting(); }
  onWritable() {} onPeerEnd() { this.close(); } onClosed() {} onTimer() {}
}
const fd = openListeningSocket({ kind: "ip", host: "127.0.0.1", port: 0 }, { backlog: 128, reusePort: false, isFirst: true });
listenOn(fd, (socket) => adopt(socket, new Answering()));
console.log(localAddress(fd).port);
`;

test("connections that came when no descriptor was left are served once some are given back", async () => {
  const child = Bun.spawn(["sh", "-c", 'ulimit -n 48; exec "$0" -e "$1"', process.execPath, program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const reader = child.stdout.getReader();
    const port = Number(new TextDecoder().decode((await reader.read()).value));
    const answers: Promise<string>[] = [];
    const clients: Bun.Socket<undefined>[] = [];
    for (let index = 0; index < 80; index++) {
      const { promise, resolve } = Promise.withResolvers<string>();
      answers.push(promise);
      const socket = {
        data: (_: unknown, chunk: Uint8Array) => resolve(chunk.toString()),
        error: () => resolve("error"),
      };
      clients.push(await Bun.connect({ hostname: "127.0.0.1", port, socket }));
    }
    // Eighty do not fit; each that is answered gives its place to one that waits.
    for (const client of clients) client.write("?");
    expect(await Promise.all(answers)).toEqual(clients.map(() => "here"));
    for (const client of clients) client.terminate();
  } finally {
    child.kill();
  }
});

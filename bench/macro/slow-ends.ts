/**
 * The two ends of a long body: a sender as fast as its reader lets it, and a reader at a steady rate. On both sides of the
 * gateway, so that either of its directions can be the one that waits.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

const piece = Buffer.alloc(64 * 1024, "weir");

/** Takes bytes no faster than `perSecond`, by not reading for as long as it is ahead. */
function readSlowly(socket: Socket, perSecond: number, onBytes: (count: number) => void): void {
  const startMs = performance.now();
  let taken = 0;
  socket.on("data", (bytes) => {
    taken += bytes.length;
    onBytes(bytes.length);
    const aheadMs = (taken / perSecond) * 1000 - (performance.now() - startMs);
    if (aheadMs < 1) return;
    socket.pause();
    setTimeout(() => socket.resume(), aheadMs);
  });
}

function send(socket: Socket, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const count = Math.min(left, piece.length);
      left -= count;
      if (!socket.write(count === piece.length ? piece : piece.subarray(0, count))) return;
    }
    socket.off("drain", more);
  };
  socket.on("drain", more);
  more();
}

/** A backend with `GET /<bytes>`, sent as fast as it goes, and `PUT`, read at `perSecond` and answered with its length. */
export async function startSlowBackend(perSecond: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy()); // Its other end reports what went wrong.
    socket.once("data", (bytes) => {
      const head = bytes.toString("latin1");
      const download = /^GET \/(\d+) /.exec(head);
      if (download !== null) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${download[1]}\r\nConnection: close\r\n\r\n`);
        send(socket, Number(download[1]));
        return;
      }
      const length = Number(/content-length: *(\d+)/i.exec(head)![1]);
      let received = bytes.length - head.indexOf("\r\n\r\n") - 4;
      readSlowly(socket, perSecond, (count) => {
        received += count;
        if (received === length) socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`);
      });
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ port: 0, host: "127.0.0.1" }, resolve);
  await promise;
  return server;
}

/** Reads a body of so many bytes from the gateway at `perSecond`. */
export function download(port: number, bytes: number, perSecond: number): Promise<void> {
  return exchange(port, (socket, done) => {
    socket.write(`GET /${bytes} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let received = 0;
    socket.once("data", (first) => {
      const headEnd = first.indexOf("\r\n\r\n") + 4;
      if (!first.toString("latin1", 0, 12).endsWith("200")) done(first.toString("latin1"));
      // The rest of the first read is a part of the body already.
      received = first.length - headEnd;
      if (received === bytes) done("");
    });
    let isFirst = true;
    readSlowly(socket, perSecond, (count) => {
      if (!isFirst) received += count;
      isFirst = false;
      if (received === bytes) done("");
    });
  });
}

/** Sends a body of so many bytes as fast as the gateway takes it, and awaits the answer. */
export function upload(port: number, bytes: number): Promise<void> {
  return exchange(port, (socket, done) => {
    socket.write(`PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`);
    send(socket, bytes);
    socket.once("data", (answer) => {
      const text = answer.toString("latin1");
      done(text.startsWith("HTTP/1.1 200") ? "" : text);
    });
  });
}

function exchange(port: number, run: (socket: Socket, done: (problem: string) => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ port, host: "127.0.0.1" });
  let isDone = false;
  const done = (problem: string): void => {
    if (isDone) return;
    isDone = true;
    socket.destroy();
    if (problem === "") resolve();
    else reject(new Error(problem));
  };
  socket.setNoDelay(true);
  socket.on("error", (error) => done(String(error)));
  socket.on("close", () => done("the gateway closed the connection before the end"));
  socket.once("connect", () => run(socket, done));
  return promise;
}

/**
 * A small gateway made bad on purpose, as a process of its own: `bun bad-gateway.ts DEFECT` prints its port. It answers by
 * itself, because only its defect matters. The counter is over all requests, so a defect in one of n strikes for certain.
 */
import type { Socket } from "bun";

const defect = process.argv[2];
const answer = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const headEnd = Buffer.from("\r\n\r\n");
const kept: Uint8Array[] = [];
let count = 0;

/** As a heap fills, or a compiler works: through the first run of a tiny soak, and not through a second. */
const settlesAfterMs = 13_000;
const mebibyteEveryMs = 100;

function fill(): void {
  const timer = setInterval(() => kept.push(new Uint8Array(1 << 20).fill(1)), mebibyteEveryMs);
  setTimeout(() => clearInterval(timer), settlesAfterMs);
}

function serve(socket: Socket<{ rest: number }>): void {
  count += 1;
  if (defect === "settling" && count === 1) fill();
  if (defect === "dropping" && count % 10_000 === 0) return;
  if (defect === "resetting" && count % 500 === 0) {
    socket.terminate();
    return;
  }
  if (defect === "leaking") kept.push(new Uint8Array(8192).fill(count & 0xff));
  if (defect === "slow" && count % 50 === 0) {
    setTimeout(() => socket.write(answer), 4000);
    return;
  }
  socket.write(answer);
}

const listener = Bun.listen<{ rest: number }>({
  hostname: "127.0.0.1",
  port: 0,
  data: { rest: 0 },
  socket: {
    open: (socket) => {
      socket.data = { rest: 0 };
    },
    data: (socket, bytes) => {
      // The generator sends one head in one write and waits for its answer.
      if (bytes.includes(headEnd[0]!) && bytes.indexOf(headEnd) >= 0) serve(socket);
    },
  },
});
console.log(listener.port);

/**
 * Holds idle connections for bench/memory: opens as many as it is told, sends one request on each and reads its answer, so
 * that the gateway has set up all that a connection needs, then keeps them open until its parent goes. Prints `held N`.
 *
 *     bun bench/memory/idle-client.ts PORT COUNT SOURCE
 *
 * SOURCE is the first of several local addresses, 127.0.1.SOURCE and up: each has some 28,000 ports of its own, and the
 * kernel's search for a free one takes ever longer once a quarter of them are in use.
 */
import { connect, type Socket } from "node:net";

const [port, count, source] = process.argv.slice(2);
const wanted = Number(count);
const CONNECTIONS_PER_SOURCE = 5_000;
/** Connections being opened at once: those of all clients fit into the queues of gateway and backend. */
const OPENING_MAX = 48;
const request = "GET /quotes/WEIR HTTP/1.1\r\nHost: localhost\r\n\r\n";
const held: Socket[] = [];
let opened = 0;
let lost = 0;

for (let i = 0; i < Math.min(OPENING_MAX, wanted); i++) open();

function open(): void {
  if (opened === wanted) return;
  const localAddress = `127.0.1.${Number(source) + Math.floor(opened / CONNECTIONS_PER_SOURCE)}`;
  opened++;
  const socket = connect({ port: Number(port), host: "127.0.0.1", localAddress });
  socket.setNoDelay(true);
  socket.once("connect", () => socket.write(request));
  socket.once("data", (bytes) => {
    if (!bytes.toString("latin1").startsWith("HTTP/1.1 200"))
      fail(`an odd answer: ${bytes.toString("latin1", 0, 200)}`);
    held.push(socket);
    socket.resume();
    if (held.length === wanted) console.log(`held ${wanted}`);
    else open();
  });
  socket.once("error", (error) => fail(String(error)));
  socket.once("close", () => {
    lost++;
    fail(`${lost} connections were closed by the gateway`);
  });
}

function fail(why: string): void {
  console.error(`${why}, after ${held.length} of ${wanted} connections`);
  process.exit(1);
}

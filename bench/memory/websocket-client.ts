/**
 * Holds idle WebSockets for bench/memory: opens as many as it is told, says one word on each and hears it back, so that both
 * directions have been used, then keeps them until its parent goes. Prints `held N`.
 *
 *     bun bench/memory/websocket-client.ts PORT COUNT SOURCE http1|http2
 *
 * Over HTTP/1.1 every WebSocket is a connection, from local addresses 127.0.1.SOURCE and up (see idle-client.ts); over HTTP/2
 * it is a stream, a thousand on each connection.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";

const [port, count, source, clients] = process.argv.slice(2);
const wanted = Number(count);
const CONNECTIONS_PER_SOURCE = 5_000;
const STREAMS_PER_CONNECTION = 1_000;
const OPENING_MAX = 48;
const handshake = [
  "GET / HTTP/1.1",
  "Host: bench",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");
/** `word` as a masked text frame, with a key of zeros, and as it comes back. */
const word = Buffer.from("818400000000776f7264", "hex");
const wordBack = Buffer.from("8104776f7264", "hex");
const held: unknown[] = [];
const sessions: ClientHttp2Session[] = [];
let opened = 0;

if (clients === "http2") {
  for (let left = wanted; left > 0; left -= STREAMS_PER_CONNECTION) sessions.push(await newSession());
}
for (let lane = 0; lane < Math.min(OPENING_MAX, wanted); lane++) open();

function open(): void {
  if (opened === wanted) return;
  const index = opened++;
  if (clients === "http1") openConnection(index);
  else openStream(index);
}

function isHeld(one: unknown): void {
  held.push(one);
  if (held.length === wanted) console.log(`held ${wanted}`);
  else open();
}

function openConnection(index: number): void {
  const localAddress = `127.0.1.${Number(source) + Math.floor(index / CONNECTIONS_PER_SOURCE)}`;
  const socket: Socket = connect({ port: Number(port), host: "127.0.0.1", localAddress });
  let heard = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.once("connect", () => socket.write(handshake));
  const onData = (bytes: Buffer): void => {
    heard = Buffer.concat([heard, bytes]);
    const text = heard.toString("latin1");
    if (text.endsWith("\r\n\r\n")) {
      if (!text.startsWith("HTTP/1.1 101")) fail(`an odd answer: ${text.slice(0, 200)}`);
      socket.write(word);
    } else if (heard.includes(wordBack)) {
      socket.off("data", onData);
      socket.on("data", () => fail("a WebSocket was not silent"));
      isHeld(socket);
    }
  };
  socket.on("data", onData);
  socket.once("error", (error) => fail(String(error)));
  socket.once("close", () => fail("a connection was closed by the gateway"));
}

function openStream(index: number): void {
  const session = sessions[Math.floor(index / STREAMS_PER_CONNECTION)]!;
  const stream = session.request(
    {
      ":method": "CONNECT",
      ":protocol": "websocket",
      ":path": "/",
      "sec-websocket-version": "13",
    },
    { endStream: false },
  );
  stream.once("response", (fields) => {
    if (fields[":status"] !== 200) fail(`an odd answer: ${fields[":status"]}`);
    stream.write(word);
  });
  stream.once("data", (bytes: Buffer) => {
    if (!bytes.equals(wordBack)) fail(`an odd word: ${bytes.toString("hex")}`);
    stream.on("data", () => fail("a WebSocket was not silent"));
    isHeld(stream);
  });
  stream.once("error", (error) => fail(String(error)));
  stream.once("close", () => fail("a stream was closed by the gateway"));
}

/** Its settings say whether WebSockets may be opened, and how many. */
function newSession(): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.once("error", (error) => fail(String(error)));
  return new Promise((resolve) => session.once("remoteSettings", () => resolve(session)));
}

function fail(why: string): void {
  console.error(`${why}, after ${held.length} of ${wanted} WebSockets`);
  process.exit(1);
}

/**
 * The backend of gateways that speak HTTP/2 to it in the clear: answers each request with the same JSON text. It
 * reads heads of frames only, and its answers refer to nothing but the static table of HPACK, so that it need decode nothing.
 * Its answers stay far within the windows of a client that gives them back.
 */
import type { Socket } from "bun";
import { answerBody } from "./answer-body.ts";

const prefaceBytes = 24;
const headBytes = 9;
const Type = { data: 0, headers: 1, settings: 4, ping: 6 } as const;
const endOfStream = 1;
const isAck = 1;

interface Connection {
  /** What was read of a frame that is not whole. */
  rest: Buffer;
  hasPreface: boolean;
}

const settings = frame(Type.settings, 0, Buffer.alloc(0));
const settingsAck = frame(Type.settings, isAck, Buffer.alloc(0));
const answer = Buffer.concat([
  // :status 200 by index, content-type and content-length by name and as literals that nobody keeps.
  frame(
    Type.headers,
    4,
    Buffer.concat([Buffer.from([0x88]), literal(31, "application/json"), literal(28, String(answerBody.length))]),
  ),
  frame(Type.data, endOfStream, Buffer.from(answerBody)),
]);
const secondFrameAt = answer.indexOf(frame(Type.data, endOfStream, Buffer.from(answerBody)));

const listener = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { rest: Buffer.alloc(0), hasPreface: false };
      socket.setNoDelay(true);
      socket.write(settings);
    },
    data: receive,
  },
});
console.log(listener.port);

function receive(socket: Socket<Connection>, chunk: Buffer): void {
  const connection = socket.data;
  const bytes = connection.rest.length === 0 ? chunk : Buffer.concat([connection.rest, chunk]);
  const replies: Buffer[] = [];
  let at = 0;
  if (!connection.hasPreface) {
    if (bytes.length < prefaceBytes) {
      connection.rest = Buffer.from(bytes);
      return;
    }
    connection.hasPreface = true;
    at = prefaceBytes;
  }
  while (bytes.length - at >= headBytes) {
    const end = at + headBytes + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    if (type <= Type.headers && (flags & endOfStream) !== 0) replies.push(answerTo(bytes.readUInt32BE(at + 5)));
    else if (type === Type.settings && (flags & isAck) === 0) replies.push(settingsAck);
    else if (type === Type.ping && (flags & isAck) === 0) {
      replies.push(frame(Type.ping, isAck, bytes.subarray(at + headBytes, end)));
    }
    at = end;
  }
  connection.rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  if (replies.length > 0) socket.write(replies.length === 1 ? replies[0]! : Buffer.concat(replies));
}

function answerTo(streamId: number): Buffer {
  const reply = Buffer.from(answer);
  reply.writeUInt32BE(streamId, 5);
  reply.writeUInt32BE(streamId, secondFrameAt + 5);
  return reply;
}

function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

/** A field whose name is in the static table (RFC 7541 §6.2.2). */
function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x0f, nameIndex - 15, value.length]), Buffer.from(value)]);
}

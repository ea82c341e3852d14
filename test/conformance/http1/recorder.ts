/**
 * A recording upstream on a raw socket. It keeps every byte of every connection, reads them with the oracle and answers each
 * complete request; bytes that are no request are a violation, whatever the gateway answered its client.
 */
import type { Socket, TCPSocketListener } from "bun";
import type { Seen } from "./corpus/mod.ts";
import { type OracleRequest, oracleBody, oracleRequest } from "./oracle.ts";

export interface Recorded extends Seen {
  /** Which connection it came on, counted from 0. */
  readonly connection: number;
  readonly head: OracleRequest;
}

/** What the upstream sends for a request, piece by piece, and whether it ends its connection then. */
export interface Reply {
  readonly pieces: readonly string[];
  readonly closes: boolean;
}

interface Connection {
  readonly id: number;
  text: string;
}

/** Fields the gateway adds or writes anew; their values are the concern of other tests. */
const added = new Set(
  "host content-length transfer-encoding expect x-forwarded-for x-forwarded-proto x-forwarded-host forwarded x-request-id traceparent".split(
    " ",
  ),
);

const OWN_VIA = "Via: 1.1 weir";

const plainReply = (request: OracleRequest): Reply => ({
  pieces: [`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.method === "HEAD" ? "" : "ok"}`],
  closes: false,
});

export class Recorder {
  readonly requests: Recorded[] = [];
  /** What was read that is no request, and every other offence. */
  readonly violations: string[] = [];
  reply: (request: OracleRequest) => Reply = plainReply;
  private readonly listener: TCPSocketListener<Connection>;
  private connectionsCount = 0;
  private readonly open = new Set<Socket<Connection>>();

  constructor() {
    this.listener = Bun.listen<Connection>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          socket.data = { id: this.connectionsCount++, text: "" };
          this.open.add(socket);
        },
        data: (socket, bytes) => this.read(socket, bytes),
        close: (socket) => {
          this.open.delete(socket);
          this.judgeRest(socket.data);
        },
      },
    });
  }

  get port(): number {
    return this.listener.port;
  }

  /** Answers as usual again. */
  replyPlainly(): void {
    this.reply = plainReply;
  }

  stop(): void {
    this.listener.stop(true);
  }

  private read(socket: Socket<Connection>, bytes: Uint8Array): void {
    const connection = socket.data;
    connection.text += Buffer.from(bytes).toString("latin1");
    for (;;) {
      const head = oracleRequest(connection.text);
      if (head === null) {
        if (connection.text.includes("\r\n\r\n"))
          this.violations.push(`not a request: ${connection.text.slice(0, 200)}`);
        return;
      }
      const body = oracleBody(connection.text, head);
      if (body === null) return;
      this.note(connection, head, body.body, body.trailers);
      connection.text = connection.text.slice(body.end);
      send(socket, this.reply(head), 0);
    }
  }

  private note(
    connection: Connection,
    head: OracleRequest,
    body: string,
    trailers: readonly (readonly [string, string])[],
  ): void {
    if (head.target.includes("smuggled") && head.method === "GET") this.violations.push("a smuggled request");
    if (head.minor !== 1) this.violations.push("a version other than 1.1");
    this.requests.push({
      connection: connection.id,
      head,
      line: `${head.method} ${head.target}`,
      host: head.authority,
      fields: head.fields
        .filter(([name]) => !added.has(name.toLowerCase()))
        .map(lineOf)
        .filter((line) => line !== OWN_VIA),
      body,
      trailers: trailers.map(lineOf),
    });
  }

  /** What is left on a closed connection is the beginning of one request whose body broke off, or nothing. */
  private judgeRest({ text }: Connection): void {
    if (text === "") return;
    const head = oracleRequest(text);
    if (head === null) this.violations.push(`broke off within a head: ${text.slice(0, 200)}`);
    else if (head.framing === "none") this.violations.push("a request without a body was not read");
  }
}

/** Writes the pieces from `index` on, each in a round of the loop of its own. */
function send(socket: Socket<Connection>, reply: Reply, index: number): void {
  const piece = reply.pieces[index];
  if (piece !== undefined) socket.write(Buffer.from(piece, "latin1"));
  if (index + 1 < reply.pieces.length) setImmediate(() => send(socket, reply, index + 1));
  else if (reply.closes) socket.end();
}

function lineOf([name, value]: readonly [string, string]): string {
  return value === "" ? `${name}:` : `${name}: ${value}`;
}

/** An upstream on a raw socket whose every step a test decides, and a client that speaks raw bytes. */
import type { Socket, TCPSocketListener } from "bun";

/** Far above what anything takes here; whoever waits so long has failed. */
const TIMEOUT_MS = 8000;

/** One end of a connection: what came, and waiting for more of it. */
export class Peer {
  readonly socket: Socket<Peer>;
  received = "";
  receivedBytes = 0;
  /** Keeps the text of what comes; large bodies are only counted. */
  keepsText = true;
  isEnded = false;
  isClosed = false;
  private waiters: (() => void)[] = [];

  constructor(socket: Socket<Peer>) {
    this.socket = socket;
  }

  add(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    if (this.keepsText) this.received += Buffer.from(bytes).toString("latin1");
    this.wake();
  }

  wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, "latin1"));
  }

  /** Sends all of it as far as the other side takes it. */
  async sendAll(bytes: Uint8Array): Promise<void> {
    let sent = 0;
    while (sent < bytes.length && !this.isClosed) {
      sent += Math.max(0, this.socket.write(bytes, sent, bytes.length - sent));
      if (sent < bytes.length) await this.next();
    }
  }

  /** Waits until `isThere` holds. */
  async until(isThere: (peer: Peer) => boolean): Promise<void> {
    while (!isThere(this)) await this.next();
  }

  /** Waits for a text and takes everything up to its end out of what was received. */
  async take(text: string): Promise<string> {
    await this.until((peer) => peer.received.includes(text));
    const end = this.received.indexOf(text) + text.length;
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  /** Waits for a head and `bodyBytes` of body, and takes them. */
  async message(bodyBytes = 0): Promise<string> {
    const head = await this.take("\r\n\r\n");
    await this.until((peer) => peer.received.length >= bodyBytes);
    const body = this.received.slice(0, bodyBytes);
    this.received = this.received.slice(bodyBytes);
    return head + body;
  }

  /** Waits for the end of what the other side sends; returns what is left. */
  async end(): Promise<string> {
    await this.until((peer) => peer.isEnded || peer.isClosed);
    return this.received;
  }

  private async next(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`nothing came; so far: ${this.received.slice(0, 500)}`)),
      TIMEOUT_MS,
    );
    this.waiters.push(resolve);
    await promise;
    clearTimeout(timer);
  }
}

const handlers = {
  data(socket: Socket<Peer>, bytes: Uint8Array): void {
    socket.data.add(bytes);
  },
  drain(socket: Socket<Peer>): void {
    socket.data?.wake();
  },
  end(socket: Socket<Peer>): void {
    socket.data.isEnded = true;
    socket.data.wake();
  },
  close(socket: Socket<Peer>): void {
    if (socket.data === undefined) return;
    socket.data.isClosed = true;
    socket.data.wake();
  },
  error(): void {
    // The close that follows is what tests look at.
  },
};

/** Connects a raw client. */
export async function connectClient(target: number | string): Promise<Peer> {
  const options = { allowHalfOpen: true, socket: { ...handlers, open: adopt } };
  const socket = await (typeof target === "string"
    ? Bun.connect<Peer>({ ...options, unix: target })
    : Bun.connect<Peer>({ ...options, hostname: "127.0.0.1", port: target }));
  return socket.data;
}

function adopt(socket: Socket<Peer>): void {
  socket.data = new Peer(socket);
  socket.setNoDelay(true);
}

export class ScriptedUpstream {
  readonly connections: Peer[] = [];
  readonly port: number;
  private readonly listener: TCPSocketListener<Peer>;
  private waiters: (() => void)[] = [];
  /** Called for each connection; a test that does everything by hand leaves it. */
  onConnection: (peer: Peer) => void = () => {};

  constructor() {
    this.listener = Bun.listen<Peer>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: { ...handlers, open: (socket) => this.accept(socket) },
    });
    this.port = this.listener.port;
  }

  private accept(socket: Socket<Peer>): void {
    adopt(socket);
    this.connections.push(socket.data);
    this.onConnection(socket.data);
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** The connection with this number, counted from 0, when it is there. */
  async connection(index: number): Promise<Peer> {
    while (this.connections.length <= index) {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    return this.connections[index]!;
  }

  /** Answers every request without a body by what `answer` makes of its head. */
  answerAll(answer: (head: string, peer: Peer) => string): void {
    this.onConnection = (peer) => {
      void (async () => {
        for (;;) {
          await peer.until((one) => one.received.includes("\r\n\r\n") || one.isClosed || one.isEnded);
          if (peer.isClosed || peer.isEnded) return;
          peer.send(answer(await peer.take("\r\n\r\n"), peer));
        }
      })().catch(() => {
        // A connection that nobody uses any more waits for nothing.
      });
    };
  }

  close(): void {
    this.listener.stop(true);
  }
}

/** A plain answer with a body. */
export function ok(body: string, fields = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

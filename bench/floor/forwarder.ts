/**
 * The ceiling to quote against: the least that a forwarder on this runtime can do, on raw sockets. It reads no head, adds
 * and removes nothing, has no limits, no timers, no metrics and no answer to any fault. It relies on what the benchmark
 * guarantees: one request per read, and answers that all have the same length, which it learns from the first.
 *
 *     bun bench/floor/forwarder.ts exclusive|pipelined PORT BACKEND_PORT
 *
 * Exclusive: an idle upstream connection is taken for each request. Pipelined: the requests of a round of the event loop go
 * to four upstream connections in one write each; answers return in order.
 */
import type { Socket } from "bun";

const PIPELINED_CONNECTIONS = 4;
const BATCH_BYTES = 1 << 20;

const [mode, port, backendPort] = process.argv.slice(2);
const upstreamAddress = { hostname: "127.0.0.1", port: Number(backendPort) };

interface Upstream {
  client: Client | null;
  socket: Socket<Upstream> | null;
}

interface Client {
  readonly socket: Socket<Client>;
}

interface Pipe {
  readonly waiting: (Client | null)[];
  /** Index of the client whose answer is due next; the list is cut when it is half used up. */
  due: number;
  answeredBytes: number;
  readonly batch: Uint8Array;
  batchBytes: number;
  socket: Socket<Pipe> | null;
}

if (mode === "pipelined") await pipelined();
else exclusive();

function listen(onRequest: (client: Client, bytes: Uint8Array) => void): void {
  Bun.listen<Client>({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: {
      open(socket) {
        socket.data = { socket };
        socket.setNoDelay(true);
      },
      data: (socket, bytes) => onRequest(socket.data, bytes),
    },
  });
}

function exclusive(): void {
  const idle: Upstream[] = [];
  listen((client, bytes) => {
    const upstream = idle.pop();
    if (upstream === undefined) void connect(client, bytes);
    else {
      upstream.client = client;
      upstream.socket!.write(bytes);
    }
  });
  async function connect(client: Client, bytes: Uint8Array): Promise<void> {
    const first = bytes.slice();
    const upstream: Upstream = { client, socket: null };
    await Bun.connect<Upstream>({
      ...upstreamAddress,
      data: upstream,
      socket: {
        open(socket) {
          upstream.socket = socket;
          socket.setNoDelay(true);
          socket.write(first);
        },
        data(socket, answer) {
          const { data } = socket;
          data.client!.socket.write(answer);
          data.client = null;
          idle.push(data);
        },
      },
    });
  }
}

async function pipelined(): Promise<void> {
  const pipes: Pipe[] = [];
  let answerBytes = 0;
  let turn = 0;
  let isFlushDue = false;
  for (let i = 0; i < PIPELINED_CONNECTIONS; i++) {
    const batch = new Uint8Array(BATCH_BYTES);
    const pipe: Pipe = { waiting: [], due: 0, answeredBytes: 0, batch, batchBytes: 0, socket: null };
    await Bun.connect<Pipe>({
      ...upstreamAddress,
      data: pipe,
      socket: {
        open(socket) {
          pipe.socket = socket;
          socket.setNoDelay(true);
        },
        data: (socket, bytes) => onAnswers(socket.data, bytes),
      },
    });
    pipes.push(pipe);
  }
  const flush = (): void => {
    isFlushDue = false;
    for (const pipe of pipes) {
      if (pipe.batchBytes > 0) pipe.socket!.write(pipe.batch, 0, pipe.batchBytes);
      pipe.batchBytes = 0;
    }
  };
  listen((client, bytes) => {
    const pipe = pipes[turn++ % PIPELINED_CONNECTIONS]!;
    pipe.batch.set(bytes, pipe.batchBytes);
    pipe.batchBytes += bytes.length;
    pipe.waiting.push(client);
    if (isFlushDue) return;
    isFlushDue = true;
    setImmediate(flush);
  });
  function onAnswers(pipe: Pipe, bytes: Uint8Array): void {
    if (answerBytes === 0) answerBytes = bytes.length;
    let at = 0;
    while (at < bytes.length) {
      const length = Math.min(answerBytes - pipe.answeredBytes, bytes.length - at);
      pipe.waiting[pipe.due]!.socket.write(bytes as Buffer, at, length);
      at += length;
      pipe.answeredBytes += length;
      if (pipe.answeredBytes < answerBytes) return;
      pipe.answeredBytes = 0;
      pipe.waiting[pipe.due++] = null;
    }
    if (pipe.due < 1024) return;
    pipe.waiting.splice(0, pipe.due);
    pipe.due = 0;
  }
}

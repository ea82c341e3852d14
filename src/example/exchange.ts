/**
 * The example exchange as a server: what it answers to what. docs/example.md lists its routes; `behaviour.ts` how it
 * misbehaves on demand.
 *
 * It serves benchmarks as the backend, so the plain cases (a quote, an order) copy a rendered answer into one buffer that
 * is written once for each read. Trade: answers leave in the order of the requests, and a delayed one holds up those behind
 * it on the same connection, as with most servers.
 */
import { rmSync } from "node:fs";
import { Random, randomSeed } from "../base/mod.ts";
import { adopt, listenOn, localAddress, openListeningSocket } from "../transport/mod.ts";
import { type Answer, json, quoteAnswer, renderAnswer } from "./answers.ts";
import { type Behaviour, bodyBytesMax, parseBehaviour, plainBehaviour } from "./behaviour.ts";
import { ExchangeConnection, type ExchangeRequest } from "./connection.ts";
import { OrderBook, OrderState } from "./order-book.ts";
import { notFound, orderAnswer, PlainAnswers } from "./plain-answers.ts";
import type { RequestHead } from "./request.ts";

export interface ExchangeOptions {
  readonly hostname?: string;
  readonly port?: number;
  /** Instead of host and port. */
  readonly unix?: string;
  readonly behaviour?: Behaviour;
  readonly seed?: number;
}

export interface Exchange {
  readonly port: number;
  readonly connectionsCount: number;
  readonly requestsCount: number;
  readonly orders: OrderBook;
  stop(): void;
}

/** A gateway may open thousands of connections at once, and the kernel drops the first packets of those that it cannot keep. */
const backlog = 4096;

/** Begins to listen, and returns when it does. */
export function startExchange(options: ExchangeOptions): Exchange {
  const market = new Market(options.behaviour ?? plainBehaviour, new Random(options.seed ?? randomSeed()));
  const connections = new Set<ExchangeConnection>();
  const { unix, hostname = "127.0.0.1", port = 0 } = options;
  const asked =
    unix === undefined ? ({ kind: "ip", host: hostname, port } as const) : ({ kind: "unix", path: unix } as const);
  const descriptor = openListeningSocket(asked, { backlog, reusePort: false, isFirst: true });
  const address = localAddress(descriptor);
  const listener = listenOn(descriptor, (socket) => {
    adopt(socket, new ExchangeConnection(market, connections));
    socket.setNoDelay(true);
    market.connectionsCount += 1;
  });
  return {
    port: address.kind === "ip" ? address.port : 0,
    get connectionsCount() {
      return market.connectionsCount;
    },
    get requestsCount() {
      return market.requestsCount;
    },
    orders: market.orders,
    stop: () => {
      listener.stop();
      if (unix !== undefined) rmSync(unix, { force: true });
      for (const connection of connections) connection.destroy();
    },
  };
}

const health = [
  renderAnswer(200, json, '{"status":"ok"}'),
  renderAnswer(200, json, '{"status":"ok"}', "", true),
] as const;

/** What all connections share. */
export class Market {
  readonly orders = new OrderBook();
  private readonly plain = new PlainAnswers(this.orders);
  connectionsCount = 0;
  requestsCount = 0;
  behaviour: Behaviour;
  private readonly random: Random;

  constructor(behaviour: Behaviour, random: Random) {
    this.behaviour = behaviour;
    this.random = random;
  }

  /** The answer to a request that benchmarks are made of; null for others, and while all requests are to be treated in some way. */
  plainAnswer(bytes: Uint8Array, head: RequestHead, end: number): Answer | null {
    return this.behaviour === plainBehaviour ? this.plain.find(bytes, head, end) : null;
  }

  /** The behaviour for one request; a query that cannot be read gives what is wrong with it. */
  behaviourOf(target: string): Behaviour | { readonly wrong: string } {
    const mark = target.indexOf("?");
    if (target.startsWith("/behaviour") || target.startsWith("/counters")) return plainBehaviour;
    return mark < 0 ? this.behaviour : parseBehaviour(target.slice(mark + 1), this.behaviour, true);
  }

  delayMs({ latencyMs, jitterMs }: Behaviour): number {
    return latencyMs + (jitterMs === 0 ? 0 : this.random.unit() * jitterMs);
  }

  draws(ratio: number): boolean {
    return ratio > 0 && this.random.unit() < ratio;
  }

  /** The plain answer to a request; a number is a body of so many bytes. */
  answer(request: ExchangeRequest): Answer | number {
    const { method, close } = request;
    const path = request.target.split("?", 1)[0]!;
    const isRead = method === "GET" || method === "HEAD";
    if (path.startsWith("/quotes/") && isRead) return quoteAnswer(path.slice(8), close);
    if (path === "/orders" && method === "POST") return this.plain.accept(request.key, close);
    if (path.startsWith("/orders/")) return this.order(Number(path.slice(8)), method, close);
    if (path === "/health" && isRead) return health[close ? 1 : 0];
    if (path.startsWith("/bytes/") && isRead) return bytesCount(path.slice(7)) ?? notFound(close);
    if (path === "/echo") return renderAnswer(200, json, echoOf(request), "", close);
    if (path === "/counters" && isRead) return renderAnswer(200, json, this.countersText(), "", close);
    if (path === "/behaviour") return this.changeBehaviour(request);
    return notFound(close);
  }

  private order(id: number, method: string, close: boolean): Answer {
    const state = method === "DELETE" ? this.orders.cancel(id) : this.orders.stateOf(id);
    if (state === OrderState.unknown) return notFound(close);
    if (method !== "GET" && method !== "HEAD" && method !== "DELETE") return renderAnswer(405, json, "{}", "", close);
    return orderAnswer(String(id), this.orders.stateOf(id), close);
  }

  private countersText(): string {
    const { accepted, cancelled, repeated } = this.orders;
    const { connectionsCount: connections, requestsCount: requests } = this;
    return JSON.stringify({ connections, requests, orders: { accepted, cancelled, repeated } });
  }

  private changeBehaviour({ method, body, close }: ExchangeRequest): Answer {
    if (method === "DELETE") this.behaviour = plainBehaviour;
    if (method === "PUT") {
      const parsed = parseBehaviour(body.toString("latin1"));
      if ("wrong" in parsed) return renderAnswer(400, json, JSON.stringify(parsed), "", close);
      this.behaviour = parsed;
    }
    return renderAnswer(200, json, JSON.stringify(this.behaviour), "", close);
  }
}

function bytesCount(text: string): number | null {
  const count = /^\d{1,12}$/.test(text) ? Number(text) : -1;
  return count >= 0 && count <= bodyBytesMax ? count : null;
}

/** What arrived, for tests of what a gateway passes on. */
function echoOf({ method, target, head, body }: ExchangeRequest): string {
  const lines = head.toString("latin1").split("\r\n").slice(1);
  const fields = lines
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  return JSON.stringify({ method, target, fields, body: body.toString("latin1"), bodyBytes: body.length });
}

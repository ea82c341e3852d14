/**
 * @hot
 * WebSocket over HTTP/1.1, in the clear or over TLS: a slot is a connection, an exchange is a message and the next message that
 * comes back. Pings are answered. A connection that the server closes fails its exchange with the class of the close code, or
 * is counted by itself where none was under way, and is opened again a moment later. A message that answers nothing is an
 * error of its own: it would otherwise be taken for the answer to the next.
 *
 * Messages are read by the project's codec, which judges every rule a server can break.
 */
import { say } from "../base/mod.ts";
import {
  CloseCode,
  defaultWebSocketLimits,
  firstByte,
  frameHeadBytesMax,
  Opcode,
  putClose,
  putFrame,
  violationCloseCode,
  type WebSocketEvents,
  WebSocketReader,
  type WebSocketReaderOptions,
} from "../protocols/mod.ts";
import { closeFailure, Failure } from "./failures.ts";
import { messages } from "./messages.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import type { AnswerInspector, ConnectOptions, RenderedRequest } from "./protocol-client.ts";
import { HistogramIndex } from "./recorder.ts";
import { type SocketAccess, SocketClient, SocketConnection } from "./socket-client.ts";
import { type Opening, OpeningRequests } from "./websocket-opening.ts";

/** What an answer counts as in the statuses of a result: the connection's own. */
const switchedStatus = 101;
/** A server that closes as soon as it is reached is not hammered. */
const reopenAfterNs = 100_000_000;
const controlBytesMax = 125 + frameHeadBytesMax;
/** Control frames repeat what the server sent or say a number: their mask protects nobody. */
const controlMask = 0x5a5a5a5a;

const State = { down: 0, idle: 1, busy: 2, departing: 3 } as const;
type State = (typeof State)[keyof typeof State];

const readerOptions: WebSocketReaderOptions = {
  isPeerClient: false,
  allowsDeflate: false,
  isUnmasking: false,
  limits: { ...defaultWebSocketLimits, frameBytesMax: 2 ** 31, messageBytesMax: 2 ** 31 },
};

class WebSocketConnection extends SocketConnection {
  readonly reader = new WebSocketReader(readerOptions);
  state: State = State.down;
  opening: Opening | null = null;
  openingStartNs = 0;
  inspector: AnswerInspector | null = null;
  answerBytes = 0;
  /** The message that waits for the connection: one connection per request. */
  message: Uint8Array | null = null;
}

export class WebSocketClient extends SocketClient<WebSocketConnection> implements WebSocketEvents {
  readonly slotsCount: number;
  private readonly openings: OpeningRequests;
  private readonly control = new Uint8Array(controlBytesMax);
  /** The connection that is being read. */
  private current: WebSocketConnection | null = null;

  constructor(plan: LoadPlan, share: ProcessShare, options: ConnectOptions, access: SocketAccess) {
    super(options, access);
    this.slotsCount = options.connectionsCount;
    this.openings = new OpeningRequests(plan, share);
  }

  open(): void {
    for (let slot = 0; slot < this.slotsCount; slot++) {
      if (this.options.reusesConnections) this.openPlace(slot);
      else {
        this.create(slot);
        this.events.freed(slot);
      }
    }
    this.openIdle();
  }

  send(slot: number, request: RenderedRequest): void {
    const connection = this.connections[slot]!;
    connection.answerBytes = 0;
    connection.inspector = request.inspector;
    if (request.inspector !== null) request.inspector.begin();
    if (connection.state === State.idle) {
      connection.state = State.busy;
      this.write(connection, request.bytes, request.length);
      return;
    }
    this.depart(connection, request);
  }

  /** Messages are written as they are sent. */
  flush(): void {}

  abandon(slot: number): void {
    const connection = this.connections[slot]!;
    const isPart = connection.answerBytes > 0;
    const failure = !connection.isReady ? Failure.connectTimeout : isPart ? Failure.slowAnswer : Failure.timeout;
    this.retire(connection, false);
    this.events.failed(slot, failure);
    this.reopen(connection, false);
  }

  notOpened(connection: WebSocketConnection, failure: Failure): void {
    if (this.keeps(connection)) {
      this.events.connectFailed(failure);
      this.opener.enqueue(connection);
      return;
    }
    connection.state = State.down;
    connection.message = null;
    this.events.failed(connection.index, failure);
    this.events.freed(connection.index);
  }

  /** Says goodbye to every server. @cold */
  override close(): void {
    for (const connection of this.connections) if (connection.isReady) this.sayClose(connection, CloseCode.normal);
    super.close();
  }

  onMessage(
    _opcode: number,
    _isCompressed: boolean,
    bytes: Uint8Array,
    from: number,
    to: number,
    isEnd: boolean,
  ): void {
    const connection = this.current!;
    connection.answerBytes += to - from;
    if (connection.state === State.busy) {
      if (connection.inspector !== null && to > from) connection.inspector.body(bytes, from, to);
      if (isEnd) this.complete(connection);
    } else if (isEnd) {
      connection.answerBytes = 0;
      this.events.noted(Failure.unaskedMessage);
    }
  }

  onControl(opcode: number, payload: Uint8Array, length: number): void {
    if (opcode !== Opcode.ping) return;
    const pong = firstByte(Opcode.pong, true, false);
    this.write(this.current!, this.control, putFrame(this.control, 0, pong, payload, 0, length, true, controlMask));
  }

  onClose(code: number): void {
    const connection = this.current!;
    // The code is said back, as section 5.5.1 asks.
    this.sayClose(connection, code === CloseCode.noStatus ? CloseCode.normal : code);
    this.end(connection, closeFailure(code), true);
  }

  protected make(index: number): WebSocketConnection {
    return new WebSocketConnection(index);
  }

  protected begin(connection: WebSocketConnection): void {
    const opening = this.openings.next();
    connection.opening = opening;
    connection.openingStartNs = this.clock.monotonicNs();
    this.write(connection, opening.request, opening.request.length);
  }

  protected onBytes(connection: WebSocketConnection, bytes: Uint8Array, start: number, end: number): void {
    if (connection.opening !== null) {
      this.goOnOpening(connection, connection.opening, bytes, start, end);
      return;
    }
    this.current = connection;
    connection.reader.receive(bytes, start, end, this);
    const { violation } = connection.reader;
    if (violation === 0 || connection.isReplaced) return;
    this.sayClose(connection, violationCloseCode(violation));
    this.end(connection, Failure.protocolError, true);
  }

  protected onEnd(connection: WebSocketConnection, failure: Failure): void {
    if (!connection.isReady) {
      this.replaceUnready(connection, failure === Failure.none ? Failure.closedUnanswered : failure);
      return;
    }
    // An end without a close frame has a code of its own, which never goes over the wire.
    this.end(connection, failure === Failure.none ? closeFailure(CloseCode.abnormal) : failure, false);
  }

  /** Once a connection. @cold */
  private goOnOpening(
    connection: WebSocketConnection,
    opening: Opening,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): void {
    const state = opening.receive(bytes.subarray(from, to));
    if (state === "more") return;
    if (state === "refused") {
      if (this.problem === "") this.problem = say(messages.upgradeRefused, { reason: opening.reason });
      this.replaceUnready(connection, Failure.upgradeRefused);
      return;
    }
    this.events.stepped(HistogramIndex.upgrade, this.clock.monotonicNs() - connection.openingStartNs);
    connection.opening = null;
    this.opener.ready(connection);
    this.opened(connection);
    // The server may speak first.
    if (opening.rest.length > 0 && !connection.isReplaced) {
      this.onBytes(connection, opening.rest, 0, opening.rest.length);
    }
  }

  private opened(connection: WebSocketConnection): void {
    const { message, index } = connection;
    if (message !== null) {
      connection.state = State.busy;
      connection.message = null;
      this.events.departed(index);
      this.write(connection, message, message.length);
    } else {
      connection.state = State.idle;
      if (!this.isIdle(connection)) this.events.freed(index);
    }
  }

  /** Keeps a message for the connection it opens. @cold */
  private depart(connection: WebSocketConnection, request: RenderedRequest): void {
    connection.state = State.departing;
    connection.message = request.bytes.slice(0, request.length);
    this.opener.openNow(connection);
  }

  private complete(connection: WebSocketConnection): void {
    const { index, answerBytes } = connection;
    connection.state = State.idle;
    if (this.options.reusesConnections) {
      this.events.answered(index, switchedStatus, answerBytes);
      this.events.freed(index);
      return;
    }
    this.sayClose(connection, CloseCode.normal);
    this.retire(connection, true);
    this.events.answered(index, switchedStatus, answerBytes);
    this.reopen(connection, false);
  }

  /** Ends a connection that cannot go on; an exchange on it fails. */
  private end(connection: WebSocketConnection, failure: Failure, isClean: boolean): void {
    const { index, state } = connection;
    this.retire(connection, isClean);
    if (state === State.busy) this.events.failed(index, failure);
    else {
      this.events.noted(failure);
      if (!this.isIdle(connection) && this.options.reusesConnections) this.events.lost(index);
    }
    this.reopen(connection, true);
  }

  private sayClose(connection: WebSocketConnection, code: number): void {
    this.write(connection, this.control, putClose(this.control, 0, code, true, controlMask));
  }

  /** Puts a new connection in the place of one that ended. */
  private reopen({ index }: WebSocketConnection, waits: boolean): void {
    const connection = this.create(index);
    connection.wasTried = true;
    if (waits) connection.notBeforeNs = this.clock.monotonicNs() + reopenAfterNs;
    if (this.keeps(connection)) this.opener.enqueue(connection);
    else this.events.freed(index);
  }

  private keeps(connection: WebSocketConnection): boolean {
    return this.options.reusesConnections || this.isIdle(connection);
  }
}

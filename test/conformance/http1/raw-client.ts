/** A client that sends bytes as they are and reads answers with the oracle. */
import type { Socket } from "bun";
import { type OracleResponse, oracleBody, oracleResponse } from "./oracle.ts";

/** Far above what any answer takes; a case that waits so long has failed. */
const TIMEOUT_MS = 5_000;

export interface RawAnswer {
  readonly head: OracleResponse;
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
  /** The connection ended before the body did. */
  readonly isCut: boolean;
}

export class RawClient {
  private socket: Socket<undefined> | null = null;
  private text = "";
  private isEnded = false;
  private wake: () => void = () => {};

  static async open(port: number): Promise<RawClient> {
    const client = new RawClient();
    client.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      // Half open, so that the end of the gateway's side is seen as what it is.
      allowHalfOpen: true,
      socket: {
        data: (_, bytes) => {
          client.text += Buffer.from(bytes).toString("latin1");
          client.wake();
        },
        drain: () => client.wake(),
        end: () => client.end(),
        close: () => client.end(),
        error: () => client.end(),
      },
    });
    client.socket.setNoDelay(true);
    return client;
  }

  /** Sends all of it, as far as the gateway takes it. */
  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text, "latin1");
    let sent = 0;
    while (sent < bytes.length && !this.isEnded) {
      const taken = this.socket!.write(bytes.subarray(sent));
      if (taken < 0) return;
      sent += taken;
      if (sent < bytes.length) await this.next();
    }
  }

  /** The next answer to a request with `method`; null when the connection ends before it. */
  async answer(method: string): Promise<RawAnswer | null> {
    for (;;) {
      const head = oracleResponse(this.text, method);
      if (head === null) {
        if (this.text.includes("\r\n\r\n")) throw new Error(`no answer of HTTP/1.1: ${this.text}`);
        if (this.isEnded) return null;
      } else {
        // The oracle also reads what upstreams send; a gateway writes every part of the line.
        if (!/^HTTP\/1\.1 [1-5][0-9]{2} /.test(this.text)) throw new Error(`no status line: ${this.text}`);
        const isEndKnown = head.framing !== "close";
        const body = isEndKnown || this.isEnded ? oracleBody(this.text, head) : null;
        if (body !== null) {
          this.text = this.text.slice(body.end);
          return { head, body: body.body, trailers: body.trailers, isCut: false };
        }
        if (this.isEnded) return { head, body: this.text.slice(head.end), trailers: [], isCut: true };
      }
      await this.next();
    }
  }

  /** Waits for the gateway to end its side; returns what it sent that was not read as an answer. */
  async ended(): Promise<string> {
    while (!this.isEnded) await this.next();
    return this.text;
  }

  /** Sends nothing more; the gateway may still answer. */
  endSending(): void {
    this.socket?.shutdown();
  }

  /** What was received and not read as an answer. */
  get rest(): string {
    return this.text;
  }

  close(): void {
    this.socket?.terminate();
  }

  private end(): void {
    this.isEnded = true;
    this.wake();
  }

  private async next(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve, reject) => {
      this.wake = resolve;
      timer = setTimeout(
        () => reject(new Error(`nothing came for ${TIMEOUT_MS} ms; so far: ${this.text}`)),
        TIMEOUT_MS,
      );
    });
    clearTimeout(timer);
  }
}

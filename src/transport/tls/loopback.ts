/**
 * A connection in memory: one side's ciphertext becomes the other's input. For the self-check, tests and benchmarks.
 *
 * Bytes wait in a queue between the sides, because a session must not be fed from inside another's call.
 */
import type { TlsHandler, TlsSession } from "./engine.ts";

/** One end: collects what its session tells. */
export class LoopbackEnd implements TlsHandler {
  session: TlsSession | undefined = undefined;
  isSecure = false;
  isPeerClosed = false;
  failure = "";
  /** Decrypted chunks. */
  readonly received: Uint8Array[] = [];
  /** Ciphertext not yet carried over. */
  readonly sent: Uint8Array[] = [];

  onSecure(): void {
    this.isSecure = true;
  }

  onPlaintext(bytes: Uint8Array, from: number, to: number): void {
    this.received.push(bytes.slice(from, to));
  }

  onCiphertext(bytes: Uint8Array, from: number, to: number): void {
    this.sent.push(bytes.slice(from, to));
  }

  onPeerClosed(): void {
    this.isPeerClosed = true;
  }

  onFailure(reason: string): void {
    this.failure = reason;
  }

  /** Everything received so far as text, and none of it left. */
  takeText(): string {
    return Buffer.concat(this.received.splice(0)).toString("utf8");
  }

  write(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.session?.write(bytes, 0, bytes.length);
  }
}

export class Loopback {
  readonly server = new LoopbackEnd();
  readonly client = new LoopbackEnd();

  constructor(
    server: (handler: TlsHandler) => TlsSession,
    client: (handler: TlsHandler) => TlsSession,
    chunkBytes = Number.POSITIVE_INFINITY,
  ) {
    this.server.session = server(this.server);
    this.client.session = client(this.client);
    this.client.session.start();
    this.settle(chunkBytes);
  }

  /** Carries bytes until neither side has more to say; `chunkBytes` cuts them small. */
  settle(chunkBytes = Number.POSITIVE_INFINITY): void {
    for (;;) {
      const toServer = this.client.sent.splice(0);
      const toClient = this.server.sent.splice(0);
      if (toServer.length === 0 && toClient.length === 0) return;
      for (const bytes of toServer) carry(bytes, this.server, chunkBytes);
      for (const bytes of toClient) carry(bytes, this.client, chunkBytes);
    }
  }

  free(): void {
    this.server.session?.free();
    this.client.session?.free();
  }
}

function carry(bytes: Uint8Array, target: LoopbackEnd, chunkBytes: number): void {
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    target.session?.receive(bytes, from, Math.min(bytes.length, from + chunkBytes));
  }
}

/** A client that sends the bytes of a conformance case over a socket and reads what comes back. */
import type { Socket } from "bun";
import type { Case, Step } from "../conformance/http2/case.ts";
import { judge, Transcript } from "../conformance/http2/judge.ts";
import { ping, preface, settings } from "../conformance/http2/raw.ts";

const patienceMs = 15_000;

class RawClient {
  readonly transcript = new Transcript();
  isClosed = false;
  private socket!: Socket;
  private wake: () => void = () => {};

  async connect(port: number): Promise<void> {
    this.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_socket, bytes) => {
          this.transcript.take(bytes);
          this.wake();
        },
        close: () => {
          this.isClosed = true;
          this.wake();
        },
        end: () => {
          this.isClosed = true;
          this.wake();
        },
        drain: () => this.wake(),
        error: () => {},
      },
    });
  }

  /** Waits until something is so, or the connection has ended; false when neither comes. */
  async until(isSo: () => boolean): Promise<boolean> {
    const endMs = performance.now() + patienceMs;
    while (!isSo() && !this.isClosed) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  async send(bytes: Uint8Array): Promise<void> {
    let from = 0;
    const push = (): boolean => {
      if (from < bytes.length) from += Math.max(0, this.socket.write(bytes.subarray(from)));
      return from >= bytes.length;
    };
    await this.until(push);
  }

  /** A PING, and whether it came back. */
  async pinged(): Promise<boolean> {
    const before = this.transcript.pongs;
    await this.send(ping("the-ping"));
    await this.until(() => this.transcript.pongs > before);
    return this.transcript.pongs > before;
  }

  close(): void {
    this.socket.terminate();
  }
}

async function take(client: RawClient, step: Step): Promise<void> {
  if (step instanceof Uint8Array) await client.send(step);
  else if (step.until === "ping") await client.pinged();
  else {
    const isEnded = (): boolean => client.transcript.answers.get(step.stream)?.isEnded === true;
    await client.until(isEnded);
  }
}

/** Runs a case against a server on a port; returns what is wrong, or an empty string. */
export async function runCase(conformance: Case, port: number): Promise<string> {
  const client = new RawClient();
  await client.connect(port);
  try {
    if (conformance.isBare !== true) await client.send(Buffer.concat([preface, settings()]));
    for (const step of conformance.steps) await take(client, step);
    const { expect } = conformance;
    if ("answers" in expect) {
      for (const id of Object.keys(expect.answers)) {
        await client.until(() => client.transcript.answers.get(Number(id))?.isEnded === true);
      }
    } else if ("reset" in expect) await client.until(() => client.transcript.resets.has(expect.reset));
    else if ("connection" in expect) {
      await client.until(() => client.transcript.goawayCode > 0);
      await client.until(() => false);
    }
    const isAlive = !client.isClosed && (await client.pinged());
    return judge(conformance, client.transcript, isAlive);
  } finally {
    client.close();
  }
}

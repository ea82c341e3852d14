/**
 * The `ws` package itself. Asked for by its name the runtime gives its own imitation of it, so it is taken by its file; the
 * package brings no types, so what is used of it stands here.
 */
import type { Server } from "node:https";
import { join } from "node:path";

export interface WsSocket {
  on(event: "message" | "pong", listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: "close", listener: (code: number) => void): void;
  on(event: "error", listener: () => void): void;
  send(data: Buffer | string, options?: { readonly binary: boolean }): void;
  ping(data: string): void;
  close(code: number): void;
  terminate(): void;
}

export interface WsServer {
  readonly clients: ReadonlySet<WsSocket>;
  on(event: "connection", listener: (socket: WsSocket) => void): void;
  on(event: "listening", listener: () => void): void;
  address(): unknown;
  close(): void;
}

interface WsPackage {
  readonly WebSocketServer: new (
    options: { readonly port: number; readonly host: string } | { readonly server: Server },
  ) => WsServer;
}

const file = join(import.meta.dir, "../../node_modules/ws/index.js");
export const { WebSocketServer } = require(file) as WsPackage;

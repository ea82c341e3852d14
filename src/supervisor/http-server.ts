/**
 * The small HTTP servers of the supervisor (admin, metrics), moved from one address to another by a reload without a moment
 * in which neither answers. Bun's own server: it carries a scrape a second, not the data path.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { WeirError } from "../base/mod.ts";
import { formatSocketAddress, probeAddress, type SocketAddress } from "../transport/mod.ts";
import type { PreparedChange } from "./supervisor.ts";

type Handler = (request: Request) => Response | Promise<Response>;

export class HttpServer {
  private readonly handler: Handler;
  private server: Bun.Server<undefined> | null = null;
  /** As configured; port 0 stays 0. */
  private configured = "";
  private address: SocketAddress | null = null;

  constructor(handler: Handler) {
    this.handler = handler;
  }

  /** Where it listens, with the port that port 0 became; null when it does not. */
  get listensOn(): string | null {
    return this.address === null ? null : formatSocketAddress(this.address);
  }

  /** Opens the new address beside the old one; `commit` closes the old, `abandon` the new. Null means no server. */
  prepare(address: SocketAddress | null): PreparedChange {
    const text = address === null ? "" : formatSocketAddress(address);
    if (text === this.configured) return { commit: () => {}, abandon: () => {} };
    const next = address === null ? null : this.open(address);
    return {
      commit: () => {
        this.close();
        this.server = next;
        this.configured = text;
        this.address = next !== null && address?.kind === "ip" ? { ...address, port: next.port ?? 0 } : address;
      },
      abandon: () => void next?.stop(true),
    };
  }

  /** Lets requests finish that have begun. */
  close(): void {
    void this.server?.stop();
    this.server = null;
    this.address = null;
    this.configured = "";
  }

  private open(address: SocketAddress): Bun.Server<undefined> {
    if (address.kind === "unix") return this.openUnix(address.path);
    if (address.port !== 0) probeAddress(address);
    return Bun.serve({ hostname: address.host, port: address.port, fetch: this.handler });
  }

  /** Readable and writable by the same user alone: the mask, because a later chmod would leave a moment open to all. */
  private openUnix(path: string): Bun.Server<undefined> {
    const mask = process.umask(0o177);
    try {
      mkdirWithMode(dirname(path));
      probeAddress({ kind: "unix", path });
      return Bun.serve({ unix: path, fetch: this.handler });
    } finally {
      process.umask(mask);
    }
  }
}

/** The folder is made when it is missing, for this user alone; one that is there stays as it is. */
function mkdirWithMode(folder: string): void {
  const mask = process.umask(0o077);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw new WeirError("admin.no-folder", `${folder}: ${code}`, { hint: "", cause: error });
  } finally {
    process.umask(mask);
  }
}

/**
 * Where a finished handshake's traffic secrets come from: the record layer of tls13-records.ts starts with them.
 *
 * The documented way is the key log, but the library formats all five secrets of a handshake as text for it, digit by digit,
 * which takes a twentieth of a handshake. They also lie in the connection object, at a place that depends on the library's
 * build. So the place is learned at start: during the self-check the key log tells the secrets, the object is searched for
 * them, and what two handshakes agree on is then used instead of the key log. Nothing is assumed about the object: where the
 * search or the repeated self-check fails, the key log stays in use, only slower.
 *
 * A place that were wrong all the same would give keys that open no record: connections would fail, never speak in the clear.
 */
import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";

/** Longest secret: SHA-384. */
export const SECRET_BYTES_MAX = 48;

const NOT_FOUND = -1;

/** Secrets of the client, then of the server, each in `SECRET_BYTES_MAX` bytes. */
export class TrafficSecrets {
  private readonly usableBytes: (connection: number) => number;
  private client = NOT_FOUND;
  private server = NOT_FOUND;
  private agreedCount = 0;
  /** Whether contexts made from now on need no key log. */
  isLocated = false;

  constructor() {
    const libc = dlopen("libc.so.6", { malloc_usable_size: { args: ["ptr"], returns: "u32" } });
    this.usableBytes = (connection) => libc.symbols.malloc_usable_size(connection as Pointer);
  }

  /** Looks for secrets that the key log told in the object they belong to. */
  learn(connection: number, secrets: Uint8Array, secretBytes: number): void {
    const object = new Uint8Array(toArrayBuffer(connection as Pointer, 0, this.usableBytes(connection)));
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.length);
    const find = (from: number): number => bytes.indexOf(secrets.subarray(from, from + secretBytes));
    const [client, server] = [find(0), find(SECRET_BYTES_MAX)];
    const isFound = client !== NOT_FOUND && server !== NOT_FOUND && client !== server;
    this.agreedCount = isFound && client === this.client && server === this.server ? this.agreedCount + 1 : 0;
    this.client = isFound ? client : NOT_FOUND;
    this.server = isFound ? server : NOT_FOUND;
  }

  /** Uses what was learned, where two handshakes agree on it. */
  settle(): void {
    this.isLocated = this.agreedCount >= 1;
  }

  /** Goes back to the key log for good. */
  forget(): void {
    this.isLocated = false;
    this.agreedCount = 0;
  }

  /** Copies the secrets out of an object whose handshake is done. */
  read(connection: number, target: Uint8Array): void {
    target.set(new Uint8Array(toArrayBuffer((connection + this.client) as Pointer, 0, SECRET_BYTES_MAX)));
    target.set(
      new Uint8Array(toArrayBuffer((connection + this.server) as Pointer, 0, SECRET_BYTES_MAX)),
      SECRET_BYTES_MAX,
    );
  }
}

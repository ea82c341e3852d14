/**
 * The four places where OpenSSL asks back during a handshake: which protocol (ALPN), which ticket key, whether an OCSP answer
 * is there, and the secrets it made (the key log), which the record layer of `tls13-records.ts` starts from.
 *
 * They run on the same thread inside a call of ours, each about a microsecond, handshakes only. One set serves all contexts
 * of the process; `current` is the session whose handshake is under way. A callback never throws: an error would be left
 * pending inside the library.
 */
import { JSCallback, type Pointer, read } from "bun:ffi";
import type { OpenSslLibrary } from "./openssl-library.ts";
import { TicketAnswer, type TicketKeys } from "./ticket-keys.ts";

/** ALPN names in wire form, in native memory. */
export interface PlacedAlpn {
  readonly address: number;
  readonly bytes: number;
  readonly wire: Uint8Array;
}

/** The session whose handshake is under way. */
export interface HandshakeTarget {
  readonly alpnOffered: PlacedAlpn | undefined;
  readonly ticketKeys: TicketKeys | undefined;
  /** Called with the chosen name. */
  chooseAlpn(name: string): void;
  /** Takes a traffic secret: `isClient` tells whose. */
  keepSecret(isClient: boolean, line: number): void;
}

const SSL_TLSEXT_ERR_OK = 0;
const SSL_TLSEXT_ERR_ALERT_FATAL = 2;
const SSL_TLSEXT_ERR_NOACK = 3;
const OPENSSL_NPN_NEGOTIATED = 1;

/** Where the secret begins in a key log line: after `CLIENT_TRAFFIC_SECRET_0 ` and 64 digits of the client's random. */
const SECRET_OFFSET = 24 + 64 + 1;
/** The letter that tells `CLIENT_TRAFFIC_SECRET_0` from `CLIENT_HANDSHAKE_TRAFFIC_SECRET` and the others. */
const KIND_OFFSET = 7;
const LETTER_C = 67;
const LETTER_S = 83;
const LETTER_T = 84;

export class HandshakeCallbacks {
  current: HandshakeTarget | undefined = undefined;
  readonly alpn: JSCallback;
  readonly ticket: JSCallback;
  readonly status: JSCallback;
  readonly keyLog: JSCallback;
  private readonly library: OpenSslLibrary;

  constructor(library: OpenSslLibrary) {
    this.library = library;
    const pointer = "ptr" as const;
    this.alpn = new JSCallback(this.selectAlpn.bind(this), {
      args: [pointer, pointer, pointer, pointer, "u32", pointer],
      returns: "i32",
    });
    this.ticket = new JSCallback(this.useTicketKey.bind(this), {
      args: [pointer, pointer, pointer, pointer, pointer, "i32"],
      returns: "i32",
    });
    // The answer itself was given to the session before its handshake; without one this callback is not reached.
    this.status = new JSCallback(() => SSL_TLSEXT_ERR_OK, { args: [pointer, pointer], returns: "i32" });
    this.keyLog = new JSCallback(this.takeKeyLog.bind(this), { args: [pointer, pointer], returns: "void" });
  }

  private selectAlpn(_ssl: number, out: number, outBytes: number, offered: number, offeredBytes: number): number {
    const target = this.current;
    const ours = target?.alpnOffered;
    if (target === undefined || ours === undefined) return SSL_TLSEXT_ERR_NOACK;
    const { ssl } = this.library;
    const found = ssl.SSL_select_next_proto(out, outBytes, ours.address, ours.bytes, offered, offeredBytes);
    if (found !== OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    const offset = read.ptr(out as Pointer, 0) - ours.address;
    target.chooseAlpn(String.fromCharCode(...ours.wire.subarray(offset, offset + ours.wire[offset - 1]!)));
    return SSL_TLSEXT_ERR_OK;
  }

  private useTicketKey(_ssl: number, name: number, iv: number, cipher: number, mac: number, seals: number): number {
    const keys = this.current?.ticketKeys;
    if (keys === undefined) return seals === 1 ? TicketAnswer.error : TicketAnswer.unknown;
    return seals === 1 ? keys.seal(name, iv, cipher, mac) : keys.open(name, iv, cipher, mac);
  }

  private takeKeyLog(_ssl: number, line: number): void {
    const target = this.current;
    if (target === undefined || read.u8(line as Pointer, KIND_OFFSET) !== LETTER_T) return;
    const side = read.u8(line as Pointer, 0);
    if (side === LETTER_C || side === LETTER_S) target.keepSecret(side === LETTER_C, line + SECRET_OFFSET);
  }
}

/** Reads hexadecimal digits at a native address into `target` from `at` on, as many as it has room for or until the end. */
export function readHex(address: number, target: Uint8Array, at: number, bytesMax: number): number {
  for (let index = 0; index < bytesMax; index++) {
    const high = hexValue(read.u8(address as Pointer, index * 2));
    if (high < 0) return index;
    target[at + index] = high * 16 + hexValue(read.u8(address as Pointer, index * 2 + 1));
  }
  return bytesMax;
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  if (byte >= 97 && byte <= 102) return byte - 87;
  return -1;
}

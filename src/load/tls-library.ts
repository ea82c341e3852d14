/**
 * The part of the system's OpenSSL (`libssl.so.3`) that a client over descriptors needs, through the runtime's foreign function
 * interface. The generator binds it anew rather than share the gateway's binding, so that one bug cannot hide on both sides.
 * Only documented functions of OpenSSL 3 are used. Text is passed as bytes ending in zero, and no pointer to memory of the
 * runtime is kept beyond a call.
 */
import { CString, dlopen, type Pointer } from "bun:ffi";
import { say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";

const functions = {
  TLS_client_method: { args: [], returns: "ptr" },
  SSL_CTX_new: { args: ["ptr"], returns: "ptr" },
  SSL_CTX_free: { args: ["ptr"], returns: "void" },
  SSL_CTX_ctrl: { args: ["ptr", "i32", "i64", "ptr"], returns: "i32" },
  SSL_CTX_set_options: { args: ["ptr", "u64"], returns: "void" },
  SSL_CTX_set_verify: { args: ["ptr", "i32", "ptr"], returns: "void" },
  SSL_CTX_set_default_verify_paths: { args: ["ptr"], returns: "i32" },
  SSL_CTX_load_verify_locations: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  SSL_CTX_use_certificate_chain_file: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_CTX_use_PrivateKey_file: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_CTX_set_default_passwd_cb_userdata: { args: ["ptr", "ptr"], returns: "void" },
  SSL_CTX_check_private_key: { args: ["ptr"], returns: "i32" },
  SSL_CTX_set_alpn_protos: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  SSL_new: { args: ["ptr"], returns: "ptr" },
  SSL_free: { args: ["ptr"], returns: "void" },
  SSL_ctrl: { args: ["ptr", "i32", "i64", "ptr"], returns: "i32" },
  SSL_set1_host: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_get0_param: { args: ["ptr"], returns: "ptr" },
  X509_VERIFY_PARAM_set1_ip_asc: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_set_fd: { args: ["ptr", "i32"], returns: "i32" },
  SSL_set_connect_state: { args: ["ptr"], returns: "void" },
  SSL_do_handshake: { args: ["ptr"], returns: "i32" },
  SSL_read: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_write: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_has_pending: { args: ["ptr"], returns: "i32" },
  SSL_get_error: { args: ["ptr", "i32"], returns: "i32" },
  SSL_shutdown: { args: ["ptr"], returns: "i32" },
  SSL_set_shutdown: { args: ["ptr", "i32"], returns: "void" },
  SSL_get0_alpn_selected: { args: ["ptr", "ptr", "ptr"], returns: "void" },
  SSL_get_verify_result: { args: ["ptr"], returns: "i32" },
  X509_verify_cert_error_string: { args: ["i64"], returns: "ptr" },
  SSL_session_reused: { args: ["ptr"], returns: "i32" },
  SSL_get1_session: { args: ["ptr"], returns: "ptr" },
  SSL_set_session: { args: ["ptr", "ptr"], returns: "i32" },
  SSL_SESSION_is_resumable: { args: ["ptr"], returns: "i32" },
  SSL_SESSION_free: { args: ["ptr"], returns: "void" },
  ERR_clear_error: { args: [], returns: "void" },
  ERR_get_error: { args: [], returns: "u32" },
  ERR_reason_error_string: { args: ["u64"], returns: "ptr" },
} as const;

type Declared = Readonly<Record<string, { readonly args: readonly string[]; readonly returns: string }>>;
type Argument<T> = T extends "ptr" ? number | Uint8Array | null : number;
type Result<T> = T extends "void" ? undefined : T extends "ptr" ? number | null : number;
type Arguments<A extends readonly string[]> = { -readonly [Index in keyof A]: Argument<A[Index]> };
type Native<D extends Declared> = {
  readonly [Name in keyof D]: (...values: Arguments<D[Name]["args"]>) => Result<D[Name]["returns"]>;
};

/** The functions above, with addresses as the plain numbers they are. */
export type TlsLibrary = Native<typeof functions>;

let opened: TlsLibrary | null = null;

/** Opens the library once; where that fails the error says what to install. */
export function openTlsLibrary(): TlsLibrary {
  try {
    // The runtime types addresses as a brand of number, and 64-bit results as possible bigints; these are neither.
    opened ??= dlopen("libssl.so.3", functions).symbols as unknown as TlsLibrary;
    return opened;
  } catch (error) {
    throw new WeirError("load.tls-library", say(messages.tlsLibrary), {
      hint: say(messages.tlsLibraryHint),
      cause: error,
    });
  }
}

/** Text as the library takes it. */
export function cText(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

/** Why the last call failed, in the library's words; empties its list of errors. */
export function tlsReason(library: TlsLibrary): string {
  const reasons: string[] = [];
  for (let code = library.ERR_get_error(); code !== 0; code = library.ERR_get_error()) {
    const text = textAt(library.ERR_reason_error_string(code));
    if (text !== "" && reasons.at(-1) !== text) reasons.push(text);
  }
  return reasons.join(", ");
}

export function textAt(pointer: number | null): string {
  return pointer === null ? "" : new CString(pointer as Pointer).toString();
}

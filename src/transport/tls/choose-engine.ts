/** Which engine serves: the one that is asked for, or the system's OpenSSL where it is installed and the runtime's where not. */
import { WeirError } from "../../base/mod.ts";
import { bunEngine } from "./bun-engine.ts";
import type { TlsEngine } from "./engine.ts";
import { openSslEngine } from "./openssl-engine.ts";

export type EngineChoice = "auto" | "openssl" | "bun";

/** Throws where `openssl` was asked for and cannot be had; with `auto` only a fault of the library itself falls back. */
export function tlsEngine(choice: EngineChoice): TlsEngine {
  if (choice === "bun") return bunEngine;
  if (choice === "openssl") return openSslEngine();
  try {
    return openSslEngine();
  } catch (error) {
    if (error instanceof WeirError && error.code.startsWith("tls.")) return bunEngine;
    throw error;
  }
}

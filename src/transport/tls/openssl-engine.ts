/**
 * The engine `openssl`: made once per process, after the self-check passed. See openssl-library.ts for what it trades.
 */
import { WeirError } from "../../base/mod.ts";
import { ClientHello } from "./client-hello.ts";
import type {
  TlsByteEngine,
  TlsClientContext,
  TlsClientSettings,
  TlsServerContext,
  TlsServerSettings,
} from "./engine.ts";
import { HandshakeCallbacks } from "./openssl-callbacks.ts";
import { OpenSslClientContext } from "./openssl-client.ts";
import { type OpenSslLibrary, openSslLibrary } from "./openssl-library.ts";
import { OpenSslServerContext } from "./openssl-server.ts";
import type { OpenSslCore } from "./openssl-session.ts";
import { RecordSuites } from "./record-protection.ts";
import { selfCheck } from "./self-check.ts";
import { TicketStrings } from "./ticket-keys.ts";
import { TrafficSecrets } from "./traffic-secrets.ts";

let made: TlsByteEngine | undefined;

/** The engine of this process. Throws `tls.library-missing`, `tls.library-too-old` or `tls.self-check-failed`. */
export function openSslEngine(): TlsByteEngine {
  if (made === undefined) {
    const secrets = new TrafficSecrets();
    const engine = makeOpenSslEngine(openSslLibrary(), secrets);
    selfCheck(engine);
    trySettled(engine, secrets);
    made = engine;
  }
  return made;
}

/** The self-check once more, by what the first one has learned. */
function trySettled(engine: TlsByteEngine, secrets: TrafficSecrets): void {
  secrets.settle();
  if (!secrets.isLocated) return;
  try {
    selfCheck(engine);
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    // Without it the engine is as sound as the first check found it.
    secrets.forget();
  }
}

/** An engine over a loaded library, not checked. */
export function makeOpenSslEngine(library: OpenSslLibrary, secrets: TrafficSecrets): TlsByteEngine {
  const core: OpenSslCore = {
    library,
    callbacks: new HandshakeCallbacks(library),
    suites: new RecordSuites(library),
    secrets,
    ticketStrings: new TicketStrings(library),
    hello: new ClientHello(),
  };
  return {
    kind: "bytes",
    name: "openssl",
    version: library.version,
    server: (settings: TlsServerSettings): TlsServerContext => new OpenSslServerContext(core, settings),
    client: (settings: TlsClientSettings): TlsClientContext => new OpenSslClientContext(core, settings),
  };
}

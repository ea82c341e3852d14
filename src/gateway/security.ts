/**
 * TLS of the gateway: reads the files that the configuration names, builds what listeners and upstreams need, and exchanges
 * it in one step on reload. Files are read again on every reload, so a renewed certificate needs no other change.
 *
 * The files were looked into when the configuration was loaded, by the supervisor; a worker that read them as thoroughly
 * would take 20 ms longer to start. What has gone wrong with them since is refused by the engine. @cold
 */
import { readFileSync } from "node:fs";
import { say, WeirError } from "../base/mod.ts";
import type { Config, ListenerConfig, UpstreamConfig } from "../config/mod.ts";
import { ProcessCounter, type WorkerMetrics } from "../observe/mod.ts";
import {
  type SecurityFacts,
  type TlsCertificate,
  type TlsClientContext,
  type TlsClientSettings,
  type TlsEngine,
  type TlsServerContext,
  type TlsServerSettings,
  tlsEngine,
} from "../transport/mod.ts";
import type { UpstreamSecurity } from "../upstream/mod.ts";

/** TLS of one listener: sessions over our sockets, or options for the runtime's own. */
export type ListenerSecurity =
  | { readonly kind: "bytes"; readonly context: TlsServerContext }
  | { readonly kind: "socket"; readonly options: Bun.TLSOptions };

interface Running {
  readonly security: ListenerSecurity;
  readonly engine: TlsEngine;
}

/** Listeners' TLS as a new configuration wants it, ready to be put in force. */
export interface PreparedSecurity {
  commit(): void;
  discard(): void;
}

export class GatewaySecurity {
  private running = new Map<string, Running>();
  private ticketKeys: readonly Uint8Array[] = [];

  /** TLS of a listener; null where clients speak in the clear. */
  of(listener: string): ListenerSecurity | null {
    return this.running.get(listener)?.security ?? null;
  }

  /** Keys of session tickets, the current one first, for all listeners from now on. */
  setTicketKeys(keys: readonly Uint8Array[]): void {
    this.ticketKeys = keys;
    for (const { security } of this.running.values()) this.giveKeys(security);
  }

  /** Reads files and builds contexts. Throws a `WeirError` by name; nothing has changed then. */
  prepare(config: Config): PreparedSecurity {
    const next = new Map<string, Running>();
    const steps: PreparedSecurity[] = [];
    try {
      for (const listener of config.listeners) {
        const { tls, name } = listener;
        if (tls === null) continue;
        const engine = tlsEngine(tls.engine);
        next.set(name, this.prepareListener(serverSettings(name, tls), engine, steps));
      }
    } catch (error) {
      for (const step of steps) step.discard();
      throw error;
    }
    return {
      commit: (): void => {
        const before = this.running;
        this.running = next;
        for (const step of steps) step.commit();
        for (const [name, { security }] of before) {
          if (next.get(name)?.security !== security) freeContext(security);
        }
      },
      discard: (): void => {
        for (const step of steps) step.discard();
      },
    };
  }

  private prepareListener(settings: TlsServerSettings, engine: TlsEngine, steps: PreparedSecurity[]): Running {
    if (engine.kind === "socket") {
      return { engine, security: { kind: "socket", options: engine.listenOptions(settings) } };
    }
    const present = this.running.get(settings.name);
    if (present?.security.kind === "bytes") {
      steps.push(present.security.context.prepare(settings));
      return present;
    }
    const security = { kind: "bytes", context: engine.server(settings) } as const;
    this.giveKeys(security);
    steps.push({ commit: () => {}, discard: () => security.context.free() });
    return { engine, security };
  }

  private giveKeys(security: ListenerSecurity): void {
    if (security.kind === "bytes" && this.ticketKeys.length > 0) security.context.setTicketKeys(this.ticketKeys);
  }
}

/** TLS towards an upstream; null where it is spoken to in the clear. Throws a `WeirError` by name. */
export function upstreamSecurity(config: UpstreamConfig): UpstreamSecurity | null {
  const { tls } = config;
  if (tls === null) return null;
  const settings: TlsClientSettings = {
    verify: tls.verify,
    versionMin: tls.versionMin,
    alpn: [config.connections.mode === "multiplexed" ? "h2" : "http/1.1"],
    ...(tls.authorities === null ? {} : { authoritiesPem: readText(tls.authorities) }),
    ...(tls.clientCertificate === null ? {} : { certificate: certificateOf(tls.clientCertificate) }),
  };
  const engine = tlsEngine("auto");
  if (engine.kind === "socket") {
    const options = (serverName: string): Bun.TLSOptions => engine.connectOptions(settings, serverName);
    return { kind: "socket", serverName: tls.serverName, verifies: tls.verify, options };
  }
  const context: TlsClientContext = engine.client(settings);
  return { kind: "bytes", serverName: tls.serverName, context };
}

function serverSettings(name: string, tls: NonNullable<ListenerConfig["tls"]>): TlsServerSettings {
  const { clientCertificates } = tls;
  return {
    name,
    certificates: tls.certificates.map(certificateOf),
    versionMin: tls.versionMin,
    alpn: tls.alpn,
    clientCertificates:
      clientCertificates === null
        ? { mode: "none" }
        : {
            mode: clientCertificates.mode,
            authoritiesPem: readText(clientCertificates.authorities),
          },
    requireKnownName: tls.requireKnownName,
    sessionLifetimeSeconds: Math.round(tls.sessionLifetimeMs / 1000),
  };
}

interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  readonly names?: readonly string[];
  readonly ocsp?: string | null;
}

function certificateOf({ certificate, key, names = [], ocsp = null }: CertificateFiles): TlsCertificate {
  return {
    names,
    chainPem: readText(certificate),
    keyPem: readText(key),
    ...(ocsp === null ? {} : { ocsp: new Uint8Array(readBytes(ocsp)) }),
  };
}

function readText(file: string): string {
  return readBytes(file).toString("utf8");
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new WeirError("tls.file-unreadable", say(FILE_UNREADABLE, { file, reason }), {
      hint: say(FILE_UNREADABLE_HINT),
      cause,
    });
  }
}

const FILE_UNREADABLE = { en: "{file} cannot be read ({reason})", zh: "无法读取 {file}（{reason}）" };
const FILE_UNREADABLE_HINT = {
  en: "give the user that runs Weir permission to read it",
  zh: "请为运行 Weir 的用户授予读取权限",
};

function freeContext(security: ListenerSecurity): void {
  if (security.kind === "bytes") security.context.free();
}

/** Counts a handshake that was completed. */
export function countHandshake(metrics: WorkerMetrics, facts: SecurityFacts | null): void {
  metrics.add(ProcessCounter.tlsHandshakes, 1);
  if (facts?.isResumed) metrics.add(ProcessCounter.tlsSessionsResumed, 1);
}

/** Counts one that was not. */
export function refuseHandshake(metrics: WorkerMetrics, outcome: number): void {
  metrics.add(ProcessCounter.tlsHandshakesFailed, 1);
  metrics.recordRefusal(outcome);
}

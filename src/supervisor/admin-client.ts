/**
 * Finds a running gateway and talks to its admin interface. Without an address it looks where gateways of this user put
 * their sockets: with one of them running nothing needs to be said, with several the choice is left to the user.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ExitCode, readSecret, say, WeirError } from "../base/mod.ts";
import { type Config, defaultConfig, formatAddress, loadConfig, parseAddress } from "../config/mod.ts";
import { isAnswering, type SocketAddress } from "../transport/mod.ts";
import { messages } from "./messages.ts";

export interface AdminTarget {
  readonly address: SocketAddress;
  readonly token: string | null;
}

/** How the user named the gateway; both empty means the only one that runs. */
export interface AdminQuery {
  /** `host:port`, `unix:/path` or a path. */
  readonly admin: string | null;
  /** The configuration file it was started with. */
  readonly file: string | null;
}

/** Waiting for a restart means waiting for the old generation of the one before. */
const answerMsMax = 120_000;

/** Throws `WeirError` `admin.not-found` when no gateway answers. */
export function findAdmin({ admin, file }: AdminQuery): AdminTarget {
  const environmentToken = process.env["WEIR_ADMIN_TOKEN"] ?? null;
  if (admin !== null) return { address: addressOf(admin), token: environmentToken };
  const config = file === null ? defaultConfig() : configOf(file);
  const configured = config?.admin ?? null;
  if (configured !== null && (file !== null || isRunning(configured.address))) {
    const token = configured.token === null ? environmentToken : readSecret(configured.token);
    return { address: configured.address, token };
  }
  const found = runningSockets();
  const [first] = found;
  if (found.length === 1 && first !== undefined)
    return { address: { kind: "unix", path: first }, token: environmentToken };
  if (found.length === 0) throw notFound(say(messages.noGateway), say(messages.noGatewayHint));
  throw notFound(say(messages.severalGateways, { count: found.length }), `--admin ${found.join("\n      --admin ")}`);
}

/** Sends a request and returns the answer's status and JSON. */
export async function adminRequest(
  target: AdminTarget,
  method: "GET" | "POST",
  path: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { address, token } = target;
  const text = formatAddress(address);
  try {
    const response = await fetch(address.kind === "unix" ? `http://weir${path}` : `http://${text}${path}`, {
      method,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(answerMsMax),
      ...(address.kind === "unix" && { unix: address.path }),
    });
    if (response.status === 401) {
      throw new WeirError("admin.unauthorized", say(messages.unauthorized, { address: text }), {
        hint: say(messages.unauthorizedHint),
      });
    }
    return { status: response.status, body: await response.json() };
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw notFound(say(messages.noAnswer, { address: text }), say(messages.noGatewayHint), error);
  }
}

function notFound(message: string, hint: string, cause?: unknown): WeirError {
  return new WeirError("admin.not-found", message, { hint, cause, exitCode: ExitCode.wrongUse });
}

function addressOf(text: string): SocketAddress {
  const address = text.startsWith("/") ? ({ kind: "unix", path: text } as const) : parseAddress(text);
  if (address !== null && address.kind !== "name") return address;
  throw new WeirError("admin.address", say(messages.adminAddressWrong, { text }), {
    hint: "--admin /run/weir/admin.sock, --admin 127.0.0.1:9091",
  });
}

/** Null when the file is wrong now: the gateway runs with what it was, and is looked for like one without a file. */
function configOf(file: string): Config | null {
  const result = loadConfig(file);
  return "config" in result ? result.config : null;
}

function isRunning(address: SocketAddress): boolean {
  return address.kind === "unix" && existsSync(address.path) && isAnswering(address.path);
}

/** Admin sockets of this user's gateways that answer. */
function runningSockets(): string[] {
  const usual = defaultConfig().admin?.address;
  if (usual?.kind !== "unix") return [];
  const folder = dirname(usual.path);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^admin-.*\.sock$/.test(name))
    .map((name) => join(folder, name))
    .filter((path) => isAnswering(path));
}

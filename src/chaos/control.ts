/**
 * Changing faults while a proxy runs, over HTTP. Whoever reaches the address controls the proxy, so it is on loopback unless
 * told otherwise.
 *
 *     GET    /faults         what is in force, and counters
 *     PUT    /faults/NAME    a fault as text: latency delay=100ms
 *     DELETE /faults/NAME    ends it
 *     DELETE /faults         ends all
 */
import { say, WeirError } from "../base/mod.ts";
import { formatAddress, type ListenAddress, parseAddress } from "../config/mod.ts";
import { messages } from "./messages.ts";
import type { FaultProxy, ProxySnapshot } from "./proxy.ts";

export const controlAddressDefault = "127.0.0.1:8474";
const answerMsMax = 5000;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const bodyBytesMax = 4096;

export interface ControlServer {
  readonly address: string;
  stop(): void;
}

export function startControl(proxy: FaultProxy, listen: ListenAddress): ControlServer {
  const fetch = (request: Request): Promise<Response> => answer(proxy, request);
  try {
    const server =
      listen.kind === "unix"
        ? Bun.serve({ unix: listen.path, fetch })
        : Bun.serve({ hostname: listen.host, port: listen.port, maxRequestBodySize: bodyBytesMax, fetch });
    const address = listen.kind === "unix" ? listen : { ...listen, port: server.port ?? 0 };
    return { address: formatAddress(address), stop: () => void server.stop(true) };
  } catch (error) {
    throw new WeirError("chaos.listen", say(messages.listenFailed, { address: formatAddress(listen) }), {
      hint: say(messages.listenFailedHint, { reason: (error as { code?: string }).code ?? String(error) }),
      cause: error,
    });
  }
}

async function answer(proxy: FaultProxy, request: Request): Promise<Response> {
  const parts = decodeURIComponent(new URL(request.url).pathname).split("/").slice(1);
  const [top, name] = parts;
  if (top !== "faults" || parts.length > 2 || (name !== undefined && !namePattern.test(name))) {
    return Response.json({ error: "GET /faults, PUT or DELETE /faults/NAME" }, { status: 404 });
  }
  try {
    if (request.method === "PUT" && name !== undefined) proxy.set(name, await request.text());
    else if (request.method === "DELETE") return Response.json({ ended: proxy.clear(name), ...proxy.snapshot() });
    else if (request.method !== "GET" || name !== undefined) return Response.json({ error: "method" }, { status: 405 });
    return Response.json(proxy.snapshot());
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    return Response.json({ error: error.message, code: error.code, hint: error.hint }, { status: 400 });
  }
}

export type ControlAnswer = ProxySnapshot & { readonly ended?: readonly string[] };

/** Talks to a running proxy's control address; throws what the proxy refused with its reason. */
export async function askControl(
  control: string,
  method: "GET" | "PUT" | "DELETE",
  name: string | null,
  body: string | null,
): Promise<ControlAnswer> {
  const address = parseAddress(control);
  if (address === null) throw wrongAddress(control);
  const path = `/faults${name === null ? "" : `/${encodeURIComponent(name)}`}`;
  let response: Response;
  try {
    response = await fetch(
      address.kind === "unix" ? `http://chaos${path}` : `http://${formatAddress(address)}${path}`,
      {
        method,
        signal: AbortSignal.timeout(answerMsMax),
        ...(body !== null && { body }),
        ...(address.kind === "unix" && { unix: address.path }),
      },
    );
  } catch (error) {
    throw new WeirError("chaos.no-control", say(messages.noControl, { address: control }), {
      hint: say(messages.noControlHint),
      cause: error,
    });
  }
  const read = (await response.json()) as ControlAnswer & { error?: string; hint?: string; code?: string };
  if (response.ok) return read;
  throw new WeirError(read.code ?? "chaos.refused", say(messages.controlRefused, { reason: read.error ?? "" }), {
    hint: read.hint ?? "",
  });
}

/** The address, or an error that says how one is written. */
export function addressOf(text: string): NonNullable<ReturnType<typeof parseAddress>> {
  const address = parseAddress(text);
  if (address === null) throw wrongAddress(text);
  return address;
}

export function listenAddressOf(text: string): ListenAddress {
  const address = addressOf(text);
  if (address.kind === "name") throw wrongAddress(text);
  return address;
}

function wrongAddress(text: string): WeirError {
  return new WeirError("chaos.address", say(messages.address, { text }), { hint: say(messages.addressHint) });
}

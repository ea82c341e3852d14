/**
 * What no single section can see: names that must exist, names and addresses that must not repeat, parts larger than their
 * whole. The checks read the file's own tree, not what the schema made of it, so that they speak also where other
 * settings of the same entry are wrong, and all problems come at once. What they cannot read is the schema's business.
 */
import type { Message } from "../base/mod.ts";
import { type Address, formatAddress, parseAddress } from "./address.ts";
import { resilienceProblems } from "./check-resilience.ts";
import { routeProblems } from "./check-routes.ts";
import { workerProblems } from "./check-workers.ts";
import { messages } from "./messages.ts";
import type { Path, Places, Problem } from "./places.ts";
import { entriesOf, type Raw, rawMap } from "./raw.ts";
import type { Parsed } from "./schema.ts";
import { formatSize, parseSizeBytes } from "./units.ts";

/** @param parsed null when the schema already found problems */
export function crossCheck(raw: unknown, parsed: Parsed | null, places: Places): Problem[] {
  const source = rawMap(raw);
  return [
    ...addressProblems(source, places),
    ...adminProblems(source, places),
    ...entriesOf(source["upstreams"]).flatMap(([name, value]) => upstreamProblems(name, rawMap(value), places)),
    ...routeProblems(source, parsed, places),
    ...resilienceProblems(source, places),
    ...workerProblems(source, places),
    ...orderProblems(source, places),
    ...http2Problems(source, parsed, places),
  ];
}

/** Two sockets cannot listen on one address, nor on one port where either takes every address. */
function addressProblems(source: Raw, places: Places): Problem[] {
  const sockets = [
    ...entriesOf(source["listeners"]).map(([name, value]) => socketAt(["listeners", name], rawMap(value))),
    socketAt(["metrics"], rawMap(source["metrics"])),
    socketAt(["admin"], rawMap(source["admin"])),
  ].filter((socket) => socket !== null);
  return sockets.flatMap((socket, index) => {
    const other = sockets.slice(0, index).find((earlier) => overlap(earlier.address, socket.address));
    if (other === undefined) return [];
    const values = { address: formatAddress(socket.address), other: other.what, line: places.lineOf(other.path) };
    const { addressTaken, addressTakenHint } = messages;
    return [places.problemAt(socket.path, "config.address-taken", addressTaken, addressTakenHint, values)];
  });
}

function socketAt(path: Path, value: Raw): { path: Path; what: string; address: Address } | null {
  const address = typeof value["address"] === "string" ? parseAddress(value["address"]) : null;
  return address === null ? null : { path: [...path, "address"], what: path.join("."), address };
}

function overlap(a: Address, b: Address): boolean {
  if (a.kind === "unix" || b.kind === "unix") return a.kind === "unix" && b.kind === "unix" && a.path === b.path;
  if (a.port !== b.port || a.port === 0) return false;
  // `[::]` is IPv6 alone, so it can stand beside 0.0.0.0.
  if (a.host.includes(":") !== b.host.includes(":")) return false;
  const isAny = (host: string): boolean => host === "0.0.0.0" || host === "::";
  return a.host === b.host || isAny(a.host) || isAny(b.host);
}

function adminProblems(source: Raw, places: Places): Problem[] {
  const admin = rawMap(source["admin"]);
  const socket = socketAt(["admin"], admin);
  if (socket === null || socket.address.kind === "unix" || Object.hasOwn(admin, "token")) return [];
  const { tokenNeeded, tokenNeededHint } = messages;
  return [places.problemAt(socket.path, "config.token-needed", tokenNeeded, tokenNeededHint, {})];
}

function upstreamProblems(name: string, upstream: Raw, places: Places): Problem[] {
  const path = ["upstreams", name];
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const { endpoints, balance } = upstream;
  for (const [index, endpoint] of (Array.isArray(endpoints) ? endpoints : []).entries()) {
    const text = typeof endpoint === "string" ? endpoint : rawMap(endpoint)["address"];
    const parsed = typeof text === "string" ? parseAddress(text) : null;
    if (parsed === null) continue;
    const address = formatAddress(parsed);
    if (seen.has(address)) {
      const { duplicateEndpoint: message, duplicateEndpointHint: hint } = messages;
      const at = [...path, "endpoints", index];
      problems.push(places.problemAt(at, "config.duplicate-endpoint", message, hint, { address }));
    }
    seen.add(address);
  }
  const hashes = balance === "consistent-hash";
  if (hashes && !Object.hasOwn(upstream, "hashOn")) {
    problems.push(
      places.problemAt([...path, "balance"], "config.hash-on", messages.hashOnMissing, messages.hashOnHint, {}),
    );
  }
  if (!hashes && Object.hasOwn(upstream, "hashOn")) {
    const values = { balance: typeof balance === "string" ? balance : "least-in-flight" };
    problems.push(places.problemAt([...path, "hashOn"], "config.hash-on", messages.hashOnUnused, null, values));
  }
  return problems;
}

/** Where the file gives both a part and its whole; where it gives one, the other's default gives way. */
function orderProblems(source: Raw, places: Places): Problem[] {
  return [
    ...orderProblem(source, ["limits"], "targetMax", "headMax", places),
    ...entriesOf(source["upstreams"]).flatMap(([name]) =>
      orderProblem(source, ["upstreams", name, "connections"], "maxIdlePerEndpoint", "maxPerEndpoint", places),
    ),
  ];
}

/** Limits of HTTP/2 that hold only together, whichever of them the file gives. */
function http2Problems(source: Raw, parsed: Parsed | null, places: Places): Problem[] {
  if (parsed === null) return [];
  const path = ["limits", "http2"];
  const given = rawMap(rawMap(source["limits"])["http2"]);
  const { headBytesMax, http2 } = parsed.limits;
  const { streamWindowBytes, connectionWindowBytes, tableBytes, fieldBlockBytesMax } = http2;
  const problems: Problem[] = [];
  const report = (key: string, message: Message, values: Problem["values"]): void => {
    const at = Object.hasOwn(given, key) ? [...path, key] : path;
    problems.push(places.problemAt(at, "config.order", message, null, values));
  };
  if (streamWindowBytes > connectionWindowBytes) {
    const key = Object.hasOwn(given, "streamWindow") ? "streamWindow" : "connectionWindow";
    const [firstValue, secondValue] = [formatSize(streamWindowBytes), formatSize(connectionWindowBytes)];
    report(key, messages.orderWrong, { first: "streamWindow", firstValue, second: "connectionWindow", secondValue });
  }
  if (Object.hasOwn(given, "fieldBlockMax") && headBytesMax > fieldBlockBytesMax) {
    const [firstValue, secondValue] = [formatSize(headBytesMax), formatSize(fieldBlockBytesMax)];
    report("fieldBlockMax", messages.orderWrong, {
      first: "headMax",
      firstValue,
      second: "fieldBlockMax",
      secondValue,
    });
  }
  if (Object.hasOwn(given, "table") && 4 * tableBytes > headBytesMax) {
    report("table", messages.http2Table, { table: formatSize(tableBytes), headMax: formatSize(headBytesMax) });
  }
  return problems;
}

function orderProblem(source: Raw, path: readonly string[], part: string, whole: string, places: Places): Problem[] {
  const section = path.reduce<Raw>((value, step) => rawMap(value[step]), source);
  const [partValue, wholeValue] = [amountOf(section[part]), amountOf(section[whole])];
  if (partValue === null || wholeValue === null || partValue <= wholeValue) return [];
  const values = { first: part, firstValue: String(section[part]), second: whole, secondValue: String(section[whole]) };
  return [places.problemAt([...path, part], "config.order", messages.orderWrong, null, values)];
}

function amountOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" ? parseSizeBytes(value) : null;
}

/** Leaves for names, addresses, networks, fields and secrets. */
import { z } from "zod";
import type { Secret } from "../base/mod.ts";
import { type Address, type ListenAddress, type Network, parseAddress, parseNetwork } from "./address.ts";
import { filePathOf } from "./file-path.ts";
import { type LeafOptions, type LeafProblem, leaf, show, text, wrongType } from "./leaf.ts";
import { messages } from "./messages.ts";

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A map of named things: `{ name: value }` in the file, a list with names in the output. */
export function named<T extends object>(
  type: z.ZodType<T, unknown>,
  options: LeafOptions,
): z.ZodType<(T & { name: string })[], unknown> {
  const map = z
    .record(key(nameOf), type)
    .transform((entries) => Object.entries(entries).map(([name, value]) => ({ name, ...value })));
  const whole = "default" in options ? map.prefault(options.default as Record<string, unknown>) : map;
  return whole.describe(options.why) as unknown as z.ZodType<(T & { name: string })[], unknown>;
}

/** A name as a value. */
export function name(options: LeafOptions): z.ZodType<string, unknown> {
  return text({ type: "name" }, options, nameOf);
}

function nameOf(input: string): { value: string } | LeafProblem {
  return namePattern.test(input)
    ? { value: input }
    : { problem: messages.nameWrong, hint: messages.nameHint, values: { found: show(input) } };
}

/** The keys of a map. */
function key(parse: (input: string) => { value: string } | LeafProblem): z.ZodType<string, string> {
  return z.string().superRefine((input, context) => {
    const result = parse(input);
    if (!("value" in result)) context.addIssue({ code: "custom", params: { leaf: result } });
  });
}

/** Where the gateway itself listens. */
export function listenAddress(options: LeafOptions): z.ZodType<ListenAddress, unknown> {
  return text({ type: "address" }, options, (input) => {
    const address = parseAddress(input);
    const values = { found: show(input) };
    if (address === null) return { problem: messages.addressWrong, hint: messages.addressHint, values };
    if (address.kind === "name") return { problem: messages.addressName, hint: messages.addressHint, values };
    return { value: address };
  });
}

/** Where an upstream listens. */
export function upstreamAddress(options: LeafOptions): z.ZodType<Address, unknown> {
  return text({ type: "address or host name with port" }, options, upstreamAddressOf);
}

export function upstreamAddressOf(input: string): { value: Address } | LeafProblem {
  const address = parseAddress(input);
  const values = { found: show(input) };
  if (address === null) return { problem: messages.addressWrong, hint: messages.upstreamAddressHint, values };
  if (address.kind !== "unix" && address.port === 0) {
    return { problem: messages.addressPort, hint: messages.upstreamAddressHint, values };
  }
  return { value: address };
}

export function network(options: LeafOptions): z.ZodType<Network, unknown> {
  return text({ type: "network" }, options, (input) => {
    const parsed = parseNetwork(input);
    return parsed === null
      ? { problem: messages.networkWrong, hint: messages.networkHint, values: { found: show(input) } }
      : { value: parsed };
  });
}

/** Fields that frame a message or belong to one connection, which no rewrite may touch (RFC 9110 section 7.6.1). */
const reservedFields = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** The name of a field that may be matched, in lower case. */
export function fieldNameOf(input: string): { value: string } | LeafProblem {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(input)
    ? { value: input.toLowerCase() }
    : { problem: messages.fieldNameWrong, hint: messages.fieldNameHint, values: { found: show(input) } };
}

/** The name of a field that may be rewritten, in lower case. */
export function rewritableFieldNameOf(input: string): { value: string } | LeafProblem {
  const result = fieldNameOf(input);
  return "value" in result && reservedFields.has(result.value)
    ? { problem: messages.fieldReserved, hint: messages.fieldReservedHint, values: { found: show(input) } }
    : result;
}

/** A field's value: visible ASCII, inner spaces and tabs (RFC 9110 section 5.5 without obsolete bytes). */
export function fieldValueOf(input: unknown): { value: string } | LeafProblem {
  if (typeof input === "number" || typeof input === "boolean") return { value: String(input) };
  if (typeof input !== "string") return wrongType("the field's value as text", input);
  return input.length <= 4096 && /^(?:[!-~](?:[\t -~]*[!-~])?)?$/.test(input)
    ? { value: input }
    : { problem: messages.fieldValueWrong, hint: messages.fieldValueHint, values: {} };
}

/** `{ X-Name: value }` as a list of lower-case names and values. */
export function fieldMap(why: string): z.ZodType<[string, string][], unknown> {
  const value = leaf(
    { type: "text" },
    { type: ["string", "number", "boolean"] },
    { why: "The field's value." },
    fieldValueOf,
  );
  const map = z
    .record(key(rewritableFieldNameOf), value)
    .transform((entries) => Object.entries(entries).map(([name, content]) => [name.toLowerCase(), content]));
  return map.prefault({}).describe(why) as unknown as z.ZodType<[string, string][], unknown>;
}

export function secret(options: LeafOptions): z.ZodType<Secret, unknown> {
  const schema = {
    anyOf: [
      { type: "object", properties: { env: { type: "string" } }, required: ["env"], additionalProperties: false },
      { type: "object", properties: { file: { type: "string" } }, required: ["file"], additionalProperties: false },
    ],
  };
  return leaf<Secret>({ type: "`{ env: NAME }` or `{ file: path }`" }, schema, options, (input) => {
    const wrong = { problem: messages.secretWrong, hint: messages.secretHint, values: {} };
    if (typeof input !== "object" || input === null || Object.keys(input).length !== 1) return wrong;
    const { env, file } = input as { env?: unknown; file?: unknown };
    if (typeof env === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(env)) return { value: { kind: "env", name: env } };
    const path = typeof file === "string" ? filePathOf(file) : wrong;
    return "value" in path ? { value: { kind: "file", path: path.value } } : wrong;
  });
}

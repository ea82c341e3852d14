/**
 * The building blocks of the schema: leaves (durations, sizes, counts, addresses...) and sections made of them.
 *
 * A leaf is a zod type that takes whatever the file holds, and either returns the normalised value or a problem in both
 * languages. Its range, default and reason stand beside it; the reference and the JSON Schema are made from them.
 * A section is an object of leaves; its output carries the unit in each key: `idleTimeout: 10m` becomes `idleTimeoutMs:
 * 600000`, `headMax: 32KiB` becomes `headBytesMax: 32768`. An optional limit that is `off` becomes 0.
 */
import { z } from "zod";
import type { Message } from "../base/mod.ts";
import { messages } from "./messages.ts";
import { durationPattern, formatDuration, formatSize, parseDurationMs, parseSizeBytes, sizePattern } from "./units.ts";

/** What is wrong with one value, before anybody knows where it stands. */
export interface LeafProblem {
  readonly problem: Message;
  readonly hint: Message | null;
  readonly values: Readonly<Record<string, string | number>>;
}

/** What the reference says about a leaf beside its description. */
export interface LeafDoc {
  readonly type: string;
  readonly range?: string;
}

/** Where the JSON Schema keeps the `LeafDoc` until the reference is written. */
export const docKey = "x-weir";

type Unit = "Ms" | "Us" | "Bytes";
type Leaf<T> = z.ZodType<T, unknown>;
type UnitLeaf<T, U extends Unit> = Leaf<T> & { readonly unit: U };

type UnitKey<K, S> = S extends { readonly unit: "Bytes" }
  ? K extends `${infer Start}Max`
    ? `${Start}BytesMax`
    : K extends "max"
      ? "bytesMax"
      : `${K & string}Bytes`
  : S extends { readonly unit: infer U }
    ? `${K & string}${U & string}`
    : K;

/** A section's normalised value. */
export type SectionOutput<S extends z.core.$ZodLooseShape> = {
  [K in keyof S as UnitKey<K, S[K]>]: z.output<S[K]>;
};

/** An object whose keys are all known, with the unit moved into each key of the output. */
export function section<S extends z.core.$ZodLooseShape>(shape: S): z.ZodType<SectionOutput<S>, unknown> {
  const renames = Object.entries(shape).map(([key, type]) => [key, unitKey(key, type)] as const);
  const known = Object.keys(shape).join(" ");
  const error = (issue: { code?: string }): string | undefined =>
    issue.code === "unrecognized_keys" ? known : undefined;
  return z.strictObject(shape, { error }).transform((value) => {
    const source = value as Record<string, unknown>;
    return Object.fromEntries(renames.map(([from, to]) => [to, source[from]])) as SectionOutput<S>;
  });
}

function unitKey(key: string, type: unknown): string {
  const unit = (type as { unit?: Unit }).unit;
  if (unit === undefined) return key;
  if (unit !== "Bytes") return key + unit;
  return key === "max" ? "bytesMax" : key.endsWith("Max") ? `${key.slice(0, -3)}BytesMax` : `${key}Bytes`;
}

/** How a leaf is described: `why` is the sentence the reference prints, with the reason for the default. */
export interface LeafOptions {
  readonly why: string;
  readonly default?: unknown;
}

/** A leaf from a function that returns the value or what is wrong with it. */
export function leaf<T>(
  doc: LeafDoc,
  schema: Record<string, unknown>,
  options: LeafOptions,
  parse: (input: unknown) => { value: T } | LeafProblem,
): Leaf<T> {
  const type = z.unknown().transform((input, context): T => {
    const result = input === undefined ? missing(doc.type) : parse(input);
    if ("value" in result) return result.value;
    context.issues.push({ code: "custom", input, message: "", params: { leaf: result } });
    return z.NEVER;
  });
  const described = type.meta({ ...schema, [docKey]: doc });
  const whole = "default" in options ? described.prefault(options.default) : described;
  return whole.describe(options.why) as unknown as Leaf<T>;
}

function missing(expected: string): LeafProblem {
  return { problem: messages.missing, hint: null, values: { expected } };
}

export function wrongType(expected: string, input: unknown): LeafProblem {
  return { problem: messages.wrongType, hint: null, values: { expected, found: show(input) } };
}

/** A value as it is quoted in a message. */
export function show(input: unknown): string {
  const text = JSON.stringify(input) ?? String(input);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

interface RangeOptions extends LeafOptions {
  readonly min: string;
  readonly max: string;
  /** The word `off` is allowed and gives 0. */
  readonly off?: boolean;
}

/** A duration; the output key ends in `Ms`, or in `Us` where the kernel counts microseconds. */
export function duration(options: RangeOptions): UnitLeaf<number, "Ms"> {
  return Object.assign(durationLeaf(options, 1), { unit: "Ms" as const });
}

export function durationUs(options: RangeOptions): UnitLeaf<number, "Us"> {
  return Object.assign(durationLeaf(options, 1000), { unit: "Us" as const });
}

/** A duration that may be left out, to take the value of the wider section: null in the output. */
export function durationOverride(options: RangeOptions): UnitLeaf<number | null, "Ms"> {
  const inner = durationLeaf(options, 1);
  return Object.assign(orNull(inner, options.why), { unit: "Ms" as const });
}

function durationLeaf(options: RangeOptions, scale: number): Leaf<number> {
  return quantity(options, {
    type: "duration",
    pattern: durationPattern,
    parse: parseDurationMs,
    scale,
    unitProblem: messages.durationUnit,
    unitHint: messages.durationHint,
    wrong: messages.durationWrong,
    example: messages.durationExample,
    guess: (value) => (Number.isInteger(value) && value >= 1000 ? formatDuration(value) : `${value}s`),
  });
}

/** A size; the output key says `Bytes`. */
export function size(options: RangeOptions): UnitLeaf<number, "Bytes"> {
  return Object.assign(sizeLeaf(options), { unit: "Bytes" as const });
}

export function sizeOverride(options: RangeOptions): UnitLeaf<number | null, "Bytes"> {
  return Object.assign(orNull(sizeLeaf(options), options.why), { unit: "Bytes" as const });
}

function sizeLeaf(options: RangeOptions): Leaf<number> {
  return quantity(options, {
    type: "size",
    pattern: sizePattern,
    parse: parseSizeBytes,
    scale: 1,
    unitProblem: messages.sizeUnit,
    unitHint: messages.sizeHint,
    wrong: messages.sizeWrong,
    example: messages.sizeExample,
    guess: (value) => (Number.isInteger(value) ? formatSize(value) : `${value}KiB`),
  });
}

interface Quantity {
  readonly type: string;
  readonly pattern: string;
  readonly parse: (text: string) => number | null;
  readonly scale: number;
  readonly unitProblem: Message;
  readonly unitHint: Message;
  readonly wrong: Message;
  readonly example: Message;
  readonly guess: (value: number) => string;
}

function quantity(options: RangeOptions, quantity: Quantity): Leaf<number> {
  const { min, max, off = false } = options;
  const [low, high] = [quantity.parse(min)!, quantity.parse(max)!];
  const doc = { type: off ? `${quantity.type} or off` : quantity.type, range: `${min} to ${max}` };
  const pattern = off ? `^off$|${quantity.pattern}` : quantity.pattern;
  return leaf(doc, { type: "string", pattern }, options, (input) => {
    const found = show(input);
    if (off && (input === "off" || input === false)) return { value: 0 };
    if (typeof input === "number") {
      const guess = quantity.guess(input);
      return { problem: quantity.unitProblem, hint: quantity.unitHint, values: { found, guess } };
    }
    const value = typeof input === "string" ? quantity.parse(input) : null;
    if (value === null) return { problem: quantity.wrong, hint: quantity.example, values: { found } };
    if (value < low || value > high) return outOfRange(found, min, max, off);
    return { value: value * quantity.scale };
  });
}

function outOfRange(found: string, min: string, max: string, off: boolean): LeafProblem {
  return {
    problem: messages.range,
    hint: off ? messages.rangeOffHint : messages.rangeHint,
    values: { found, min, max },
  };
}

/** A whole number within a range. */
export function count(options: LeafOptions & { min: number; max: number; off?: boolean }): Leaf<number> {
  const { min, max, off = false } = options;
  const doc = { type: off ? "number or off" : "number", range: `${min} to ${max}` };
  const schema = off
    ? { anyOf: [{ type: "integer", minimum: min, maximum: max }, { const: "off" }] }
    : { type: "integer", minimum: min, maximum: max };
  return leaf(doc, schema, options, (input) => {
    if (off && (input === "off" || input === false)) return { value: 0 };
    if (typeof input !== "number" || !Number.isInteger(input)) return wrongType("a whole number", input);
    return input < min || input > max ? outOfRange(show(input), String(min), String(max), off) : { value: input };
  });
}

/** A share from 0 to 1, or within a narrower range. */
export function ratio(options: LeafOptions & { min?: number; max?: number }): Leaf<number> {
  const { min = 0, max = 1 } = options;
  const schema = { type: "number", minimum: min, maximum: max };
  return leaf({ type: "ratio", range: `${min} to ${max}` }, schema, options, (input) => {
    if (typeof input !== "number") return wrongType(`a number from ${min} to ${max}`, input);
    return input < min || input > max ? outOfRange(show(input), String(min), String(max), false) : { value: input };
  });
}

/** `true`/`false`; also `on`/`off`, which YAML 1.2 reads as words. */
export function flag(options: LeafOptions): Leaf<boolean> {
  const schema = { enum: [true, false, "on", "off"] };
  return leaf({ type: "on or off" }, schema, options, (input) => {
    if (input === true || input === "on") return { value: true };
    if (input === false || input === "off") return { value: false };
    return { problem: messages.oneOf, hint: null, values: { choices: "on, off", found: show(input) } };
  });
}

/** One of a few words. */
export function choice<const W extends string>(words: readonly W[], options: LeafOptions): Leaf<W> {
  const doc = { type: words.map((word) => `\`${word}\``).join(", ") };
  return leaf(doc, { type: "string", enum: words }, options, (input) => {
    const value = words.find((word) => word === input);
    if (value !== undefined) return { value };
    return { problem: messages.oneOf, hint: null, values: { choices: words.join(", "), found: show(input) } };
  });
}

/** Text that satisfies `parse`. */
export function text<T = string>(
  doc: LeafDoc,
  options: LeafOptions,
  parse: (text: string) => { value: T } | LeafProblem,
): Leaf<T> {
  return leaf(doc, { type: "string" }, options, (input) =>
    typeof input === "string" ? parse(input) : wrongType(`${doc.type} as text`, input),
  );
}

/** A type that may be left out: null in the output. */
export function orNull<T>(type: Leaf<T>, why: string): Leaf<T | null> {
  return type
    .optional()
    .transform((value) => value ?? null)
    .describe(why) as unknown as Leaf<T | null>;
}

/** A section that may be switched off with the word `off`: null in the output. */
export function offOr<T>(type: Leaf<T>, options: LeafOptions): Leaf<T | null> {
  const off = z.literal(["off", false]).transform(() => null);
  const either = z.union([off, type]);
  return ("default" in options ? either.prefault(options.default) : either).describe(
    options.why,
  ) as unknown as Leaf<T | null>;
}

/** A list; a single value stands for a list of one, unless `isPlain` asks for a list. */
export function listOf<T>(
  item: Leaf<T>,
  options: LeafOptions & { max: number; min?: number; isPlain?: boolean },
): Leaf<T[]> {
  const list = z
    .array(item)
    .min(options.min ?? 0)
    .max(options.max);
  const wrap = (input: unknown): unknown => (input === undefined || Array.isArray(input) ? input : [input]);
  const single = z.preprocess(wrap, list).meta({ [docKey]: { isSingleAllowed: true } });
  const either = (options.isPlain === true ? list : single) as z.ZodType<T[], unknown>;
  return ("default" in options ? either.prefault(options.default) : either).describe(options.why) as unknown as Leaf<
    T[]
  >;
}

/** A section where every setting has a default, so that the whole may be left out. */
export function optionalSection<S extends z.core.$ZodLooseShape>(shape: S, why: string): Leaf<SectionOutput<S>> {
  return section(shape).prefault({}).describe(why) as unknown as Leaf<SectionOutput<S>>;
}

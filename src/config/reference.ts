/** The reference of all settings as Markdown, and the JSON Schema for editors, both made from the schema. */
import { z } from "zod";
import { docKey, type LeafDoc } from "./leaf.ts";
import { gatewaySchema } from "./schema.ts";

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly [docKey]?: Partial<LeafDoc> & { readonly isSingleAllowed?: boolean };
}

function schemaTree(): Node {
  return z.toJSONSchema(gatewaySchema, { io: "input", unrepresentable: "any", target: "draft-7" }) as Node;
}

/** For `yaml.schemas` of an editor, or a comment `# yaml-language-server: $schema=...`. */
export function jsonSchema(): object {
  const tree = published(schemaTree()) as object;
  return { ...tree, $id: "weir.schema.json", title: "Configuration of the Weir gateway" };
}

/** Without what only the reference reads; a list that may be a single value says so. */
function published(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(published);
  if (typeof value !== "object" || value === null) return value;
  const node = value as Node & Record<string, unknown>;
  const entries = Object.entries(node)
    .filter(([key, content]) => key !== docKey && !(key === "minItems" && content === 0))
    .map(([key, content]) => [key, published(content)] as const);
  const copy = Object.fromEntries(entries);
  if (node[docKey]?.isSingleAllowed !== true) return copy;
  const { description, default: initial, ...list } = copy;
  return {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
    anyOf: [list, copy["items"]],
  };
}

/** `docs/configuration.md`. */
export function configurationReference(): string {
  const tree = schemaTree();
  const chapters = Object.entries(tree.properties ?? {}).map(([name, node]) => chapter(name, node));
  return `${introduction}\n${chapters.join("\n")}`;
}

const introduction = `# Configuration

Generated from the schema by \`bun docs/generate.ts\`; a test checks that it is fresh. \`weir.schema.json\` beside it gives
editors completion and checks as you type: begin a file with
\`# yaml-language-server: $schema=<path>/docs/weir.schema.json\`.

\`weir check my.yaml\` reports every problem at once, with its line, its column and what would be right.
\`weir check --print my.yaml\` prints the whole configuration with every default filled in. The files in \`examples/\` are
complete and load as they stand; \`examples/default.yaml\` is what \`weir serve\` runs without a file.

**Durations and sizes carry units.** Durations: \`us\`, \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`. Sizes: \`B\`, \`KB\`, \`MB\`, \`GB\` (powers of
1000), \`KiB\`, \`MiB\`, \`GiB\` (powers of 1024). A bare number is refused. Where a limit may be \`off\`, that is said.

**Addresses** are \`127.0.0.1:8080\`, \`[::1]:8080\`, \`unix:/run/weir.sock\`, and for upstreams also \`name.example:9000\`.
**Networks** are \`10.0.0.0/8\`, \`2001:db8::/32\`, a single address, or \`unix\` for whoever connects over a Unix socket.

**Secrets** are never written into the file: \`{ env: NAME }\` or \`{ file: path }\` says where they are. Relative paths of files
begin at the folder of the configuration.

**Lists** of simple values may be given as one value. **Names** of listeners and upstreams are the keys of their maps.

**Which route a request takes.** All conditions of a route must hold. Of the routes that match, the host decides first (exact,
then the longest \`*.\` suffix, then routes without hosts), then the path from its left (a literal segment before a parameter
before \`*\`), then the order in the file. \`/a/*\` also takes \`/a\`. A route for GET also takes HEAD. A request whose path
matches only routes for other methods is answered with 405. Paths are compared percent-decoded and forwarded as they came;
what programs read in different ways is refused (see \`paths\`, and \`security.md\`).
`;

function chapter(name: string, node: Node): string {
  const rows = rowsOf(node, "");
  const heading = `## ${name}\n\n${node.description ?? ""}\n`;
  if (rows.length === 0) return `${heading}\n${facts(node)}\n`;
  const shape = shapeOf(name, node);
  const table = ["| setting | type | default | what, and why |", "| --- | --- | --- | --- |", ...rows];
  return `${heading}${shape === "" ? "" : `\n${shape}\n`}\n${table.join("\n")}\n`;
}

/** How the settings of a chapter are written, where they are not a plain map. */
function shapeOf(name: string, node: Node): string {
  if (typeof node.additionalProperties === "object")
    return `A map of names to settings: \`${name}: { <name>: { ... } }\`.`;
  if (node.type === "array") return `A list: \`${name}: [{ ... }]\`.`;
  return isOptional(node) ? `A map of settings, or \`off\`. Default: ${defaultOf(node)}.` : "";
}

function isOptional(node: Node): boolean {
  return node.anyOf?.some((branch) => branch.properties !== undefined) === true;
}

function facts(node: Node): string {
  return `Type: ${typeOf(node)}. Default: ${defaultOf(node)}.`;
}

/** One row for each leaf below a node; sections within sections get their own row when they say something. */
function rowsOf(node: Node, prefix: string): string[] {
  const inner = settingsOf(node);
  if (inner === null) return [];
  const required = new Set(inner.required ?? []);
  return Object.entries(inner.properties ?? {}).flatMap(([key, child]) => {
    const path = `${prefix}${key}`;
    const below = settingsOf(child);
    const isList = child.type === "array" && below !== null;
    const rows = below === null ? [] : rowsOf(child, `${path}${isList ? "[]" : ""}.`);
    const initial = required.has(key) ? "required" : child.default === undefined ? "" : defaultOf(child);
    return [`| \`${path}\` | ${cell(typeOf(child))} | ${cell(initial)} | ${cell(child.description ?? "")} |`, ...rows];
  });
}

/** The object of settings that a node is, holds by name, lists or may be. */
function settingsOf(node: Node): Node | null {
  if (node.properties !== undefined && node[docKey]?.type === undefined) return node;
  if (node[docKey]?.type !== undefined) return null;
  if (typeof node.additionalProperties === "object") return settingsOf(node.additionalProperties);
  if (node.items !== undefined) return settingsOf(node.items);
  for (const branch of node.anyOf ?? []) {
    const found = settingsOf(branch);
    if (found !== null) return found;
  }
  return null;
}

function typeOf(node: Node): string {
  const doc = node[docKey];
  if (doc?.type !== undefined) return doc.range === undefined ? doc.type : `${doc.type}, ${doc.range}`;
  if (node.items !== undefined)
    return settingsOf(node.items) === null ? `list of ${typeOf(node.items)}` : "list of settings";
  if (node.additionalProperties !== undefined && typeof node.additionalProperties === "object") {
    return settingsOf(node.additionalProperties) === null ? "map of names to text" : "map of names to settings";
  }
  return isOptional(node) ? "settings or off" : "settings";
}

function defaultOf(node: Node): string {
  const value = node.default;
  if (value === undefined) return "none";
  if (value === null) return "";
  if (typeof value === "object" && Object.keys(value).length === 0)
    return settingsOf(node) === null ? "empty" : "as below";
  return `\`${typeof value === "string" ? (value === "" ? '""' : value) : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

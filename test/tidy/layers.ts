/**
 * Who may import whom. Folders of the product stand in layers, and import from lower ones only, through their doors; the
 * proof stands beside the product and never sees its insides; only the command line sees both.
 */
import { dirname, join } from "node:path";
import type { Rule } from "./rules.ts";
import { type Breach, lineAt, type SourceFile, sources } from "./source.ts";

/** Layer of each folder of the product. A new folder takes its place here. */
export const layers: Readonly<Record<string, number>> = {
  base: 0,
  protocols: 1,
  config: 1,
  observe: 1,
  transport: 2,
  resilience: 2,
  upstream: 3,
  lanes: 3,
  identity: 3,
  ledger: 4,
  gateway: 5,
  supervisor: 6,
  console: 7,
};
/** What the proof may import besides its own folders. */
const proofFolders = ["load", "chaos", "tune", "diagnose", "prove"];
const proofMayImport = new Set([...proofFolders, "base", "protocols", "config"]);
/** The example is an upstream like any other: nobody needs it, and it needs no part of the gateway but its sockets. */
const exampleMayImport = new Set(["base", "protocols", "config", "transport"]);
/** Besides its lower layers, a test may use what tests share. */
const testsMayImport = /^(test\/|package\.json$)/;

interface Import {
  readonly line: number;
  /** From the root of the project. */
  readonly target: string;
}

/** Imports of other files of the project, static, dynamic and re-exported. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  for (const { 0: whole, index } of file.code.matchAll(/(?:\bfrom |\bimport |\bimport\()"[^"\n]*"/g)) {
    const start = index + whole.indexOf('"') + 1;
    const specifier = file.text.slice(start, index + whole.length - 1);
    if (!specifier.startsWith(".")) continue;
    found.push({ line: lineAt(file.code, index), target: join(dirname(file.path), specifier) });
  }
  return found;
}

const folderOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? "";

/** Why `from` may not import a file of `to`, or an empty string. */
export function whyNot(from: string, to: string): string {
  if (from === to || from === "cli") return "";
  if (from === "example") return exampleMayImport.has(to) ? "" : `the example may not import ${to}`;
  if (proofFolders.includes(from)) return proofMayImport.has(to) ? "" : `the proof may not import ${to}`;
  const mine = layers[from];
  const theirs = layers[to];
  if (mine === undefined) return `${from} has no layer: give it one in test/tidy/layers.ts`;
  if (theirs === undefined) return `the product may not import ${to}`;
  return theirs < mine ? "" : `${from} (layer ${mine}) may not import ${to} (layer ${theirs})`;
}

function layerBreaches(file: SourceFile): Breach[] {
  const isTest = file.path.endsWith(".test.ts");
  return importsOf(file).flatMap(({ line, target }) => {
    const isOutside = !target.startsWith("src/");
    if (isOutside && isTest && testsMayImport.test(target)) return [];
    const why = isOutside ? `src may not import ${target}` : whyNot(folderOf(file.path), folderOf(target));
    return why === "" ? [] : [{ path: file.path, line, why }];
  });
}

function doorBreaches(file: SourceFile): Breach[] {
  const mine = folderOf(file.path);
  return importsOf(file).flatMap(({ line, target }) => {
    const theirs = folderOf(target);
    if (theirs === "" || theirs === mine || target === `src/${theirs}/mod.ts`) return [];
    return [{ path: file.path, line, why: `imports ${target} past the door of its folder` }];
  });
}

function suffixBreaches(file: SourceFile): Breach[] {
  return importsOf(file).flatMap(({ line, target }) =>
    /\.(ts|json|yaml)$/.test(target) ? [] : [{ path: file.path, line, why: `imports ${target} without its suffix` }],
  );
}

const inSource = sources.filter(({ path }) => path.startsWith("src/"));
const outside = sources.filter(({ path }) => /^(test|bench|docs)\//.test(path));

export const layerRules: readonly Rule[] = [
  {
    name: "every folder imports from lower layers only, and only the command line sees product and proof",
    advice: "move the shared part down, or take it as an argument through the constructor",
    find: () => inSource.flatMap(layerBreaches),
  },
  {
    name: "a folder is imported through its door, mod.ts, alone",
    advice: "export what is needed from mod.ts and import that",
    find: () => inSource.flatMap(doorBreaches),
  },
  {
    name: "tests and benchmarks import the product through its doors",
    advice: "export it from mod.ts, or test it beside its file in src",
    find: () => outside.flatMap(doorBreaches),
  },
  {
    name: "imports name the file with its suffix",
    advice: "write ./name.ts",
    find: () => sources.flatMap(suffixBreaches),
  },
];

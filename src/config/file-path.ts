/**
 * Paths of files named in a configuration: relative ones begin at the folder of the configuration, so that it works from
 * wherever the gateway is started. The folder is known only while a file is read, hence the variable of this module.
 */
import { resolve } from "node:path";
import { type LeafOptions, type LeafProblem, text } from "./leaf.ts";
import { messages } from "./messages.ts";

let folder = process.cwd();

/** Runs `read` with relative paths beginning at `base`. */
export function withFolder<T>(base: string, read: () => T): T {
  const before = folder;
  folder = base;
  try {
    return read();
  } finally {
    folder = before;
  }
}

/** The absolute path of a file as the configuration names it. */
export function filePathOf(input: string): { value: string } | LeafProblem {
  if (input === "" || input.includes("\0")) {
    return { problem: messages.missing, hint: null, values: { expected: "a file's path" } };
  }
  return { value: resolve(folder, input) };
}

/** A file's path; absolute in the output. Whether it can be read is found out where it is used. */
export function filePath(options: LeafOptions): ReturnType<typeof text<string>> {
  return text({ type: "file path" }, options, filePathOf);
}

/** Colours on a terminal and nowhere else, and columns that hold where Chinese characters are two cells wide. */

export interface Style {
  red(text: string): string;
  green(text: string): string;
  dim(text: string): string;
}

const plain: Style = { red: (text) => text, green: (text) => text, dim: (text) => text };
const coloured: Style = {
  red: (text) => `\x1b[31m${text}\x1b[0m`,
  green: (text) => `\x1b[32m${text}\x1b[0m`,
  dim: (text) => `\x1b[2m${text}\x1b[0m`,
};

/** @param isTerminal whether what is written is seen on a terminal; NO_COLOR switches colours off there too */
export function styleFor(isTerminal: boolean): Style {
  return isTerminal && !process.env["NO_COLOR"] ? coloured : plain;
}

export function padEnd(text: string, cells: number): string {
  return text + " ".repeat(Math.max(0, cells - cellsOf(text)));
}

export function padStart(text: string, cells: number): string {
  return " ".repeat(Math.max(0, cells - cellsOf(text))) + text;
}

function cellsOf(text: string): number {
  return Bun.stringWidth(text);
}

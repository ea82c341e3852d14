/**
 * The supervisor's own log, on stderr: lines for people, or JSON lines with stable event names and values for programs.
 * Events are rare (a start, a crash, a reload), so every line is written at once.
 */
import { type Clock, type Message, say } from "../base/mod.ts";

export type LogFormat = "text" | "json";
export type LogLevel = "info" | "warning" | "error";

export type LogValues = Readonly<Record<string, string | number>>;

export interface Log {
  /** @param event stable and dotted, e.g. `worker.replaced` */
  write(level: LogLevel, event: string, message: Message, values?: LogValues): void;
}

export function makeLog(format: LogFormat, clock: Clock, print: (line: string) => void = printLine): Log {
  return {
    write(level, event, message, values = {}) {
      const time = new Date(clock.wallMs()).toISOString();
      const text = say(message, values);
      if (format === "json") print(JSON.stringify({ time, level, event, message: text, ...values }));
      else print(`${time} ${level === "info" ? "" : `${level}: `}${text}`);
    },
  };
}

function printLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

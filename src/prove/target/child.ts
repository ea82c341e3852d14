/** A process that is started, waited for, listened to and ended for certain. Its last lines are told when it fails. */
import { WeirError } from "../../base/mod.ts";

const linesKept = 200;
const endMsMax = 10_000;

export interface ChildOptions {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Every line of both streams. */
  readonly onLine?: (line: string) => void;
}

export class Child {
  readonly lines: string[] = [];
  private readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  private readonly name: string;
  private watchers: ((line: string) => void)[] = [];
  private readonly streams: Promise<unknown>;

  constructor(name: string, options: ChildOptions) {
    this.name = name;
    this.process = Bun.spawn([...options.command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.environment },
    });
    this.streams = Promise.all([this.read(this.process.stdout, options), this.read(this.process.stderr, options)]);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** The first line that matches, or an error with what the process said when it ends or takes too long. */
  async line(pattern: RegExp, limitMs = 30_000): Promise<RegExpExecArray> {
    const there = this.lines.map((line) => pattern.exec(line)).find((match) => match !== null);
    if (there !== undefined) return there;
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray | null>();
    this.watchers.push((line) => {
      const match = pattern.exec(line);
      if (match !== null) resolve(match);
    });
    const timer = setTimeout(() => resolve(null), limitMs);
    void this.process.exited.then(async () => {
      await this.streams;
      resolve(null);
    });
    const match = await promise;
    clearTimeout(timer);
    if (match !== null) return match;
    throw new WeirError("prove.start", `${this.name} did not start:\n${this.lines.slice(-20).join("\n")}`, {
      hint: "start it by hand with the same configuration to see more",
      exitCode: 4,
    });
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), endMsMax);
      await this.process.exited;
      clearTimeout(timer);
    }
    await this.streams;
  }

  private async read(stream: ReadableStream<Uint8Array>, { onLine }: ChildOptions): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.take(line, onLine);
    }
    if (rest !== "") this.take(rest, onLine);
  }

  private take(line: string, onLine: ChildOptions["onLine"]): void {
    if (this.lines.length < linesKept) this.lines.push(line);
    else this.lines[this.lines.length - 1] = line;
    onLine?.(line);
    for (const watch of this.watchers) watch(line);
  }
}

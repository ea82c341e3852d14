/**
 * The programs of a benchmark: started on a core each, in a temporary folder of their own, and gone when it ends, however
 * it ends. A program is told to end when its parent dies (util-linux' setpriv), so that not even a killed benchmark leaves
 * processes behind.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

export const root = join(import.meta.dir, "../..");
export const main = join(root, "src/cli/main.ts");

/** Core of what is measured, and core of all that measures it; the same one where there is only one. */
export const servingCore = 0;
export const otherCore = Math.min(1, availableParallelism() - 1);
/** For programs that may run anywhere. */
export const anyCore = -1;

const READY_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;

export interface Program {
  readonly pid: number;
  /** What it has printed so far, standard output and error together. */
  readonly printed: () => string;
  readonly exited: Promise<number>;
  readonly hasEnded: () => boolean;
  kill(signal?: NodeJS.Signals): void;
}

export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), "weir-bench-"));
  private readonly programs = new Set<Program>();
  private readonly atExit = (): void => this.killAll();
  private readonly atSignal = (): void => {
    this.killAll();
    process.exit(130);
  };

  constructor() {
    process.on("exit", this.atExit);
    process.on("SIGINT", this.atSignal);
    process.on("SIGTERM", this.atSignal);
  }

  /** Writes a file into the folder and returns its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Starts a program, on one core or on any. Its environment is ours and `environment`. */
  start(core: number, command: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
    const pinned = core < 0 ? [] : ["taskset", "-c", String(core)];
    const child = Bun.spawn(["setpriv", "--pdeathsig", "TERM", ...pinned, ...command], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    let printed = "";
    const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) printed += decoder.decode(chunk, { stream: true });
    };
    const reading = Promise.all([read(child.stdout), read(child.stderr)]);
    const program: Program = {
      pid: child.pid,
      printed: () => printed,
      exited: child.exited.then(async (code) => {
        await reading;
        return code;
      }),
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      kill: (signal = "SIGTERM") => child.kill(signal),
    };
    this.programs.add(program);
    return program;
  }

  /** Runs a program to its end; what it printed. */
  async run(
    core: number,
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const program = this.start(core, command, environment);
    const code = await program.exited;
    this.programs.delete(program);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${program.printed()}`);
    return program.printed();
  }

  /** Ends one program, by force when it takes long. */
  async stop(program: Program): Promise<void> {
    const descendants = descendantsOf(program.pid);
    program.kill();
    const isGone = await Promise.race([program.exited.then(() => true), Bun.sleep(STOP_MS_MAX).then(() => false)]);
    if (!isGone) {
      program.kill("SIGKILL");
      descendants.forEach(killHard);
      await program.exited;
    }
    this.programs.delete(program);
  }

  /** Ends everything and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.programs].map((program) => this.stop(program)));
    this.leave();
  }

  private killAll(): void {
    for (const program of this.programs) {
      if (program.hasEnded()) continue;
      for (const pid of [program.pid, ...descendantsOf(program.pid)]) killHard(pid);
    }
    this.leave();
  }

  private leave(): void {
    process.off("exit", this.atExit);
    process.off("SIGINT", this.atSignal);
    process.off("SIGTERM", this.atSignal);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until a program answers requests with 200. */
export async function isServing(program: Program, url: string): Promise<void> {
  await until(program, async () => {
    try {
      const answer = await fetch(url, { keepalive: false });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false; // It does not listen yet.
    }
  });
}

/** Waits until a program takes connections. */
export async function isListening(program: Program, port: number): Promise<void> {
  await until(program, async () => {
    try {
      (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end();
      return true;
    } catch {
      return false; // It does not listen yet.
    }
  });
}

/** Waits until a condition holds while a program runs. */
export async function until(
  program: Program,
  condition: () => boolean | Promise<boolean>,
  readyMsMax = READY_MS_MAX,
): Promise<void> {
  const endMs = performance.now() + readyMsMax;
  while (!(await condition())) {
    if (program.hasEnded()) throw new Error(`the program ended:\n${program.printed()}`);
    if (performance.now() > endMs)
      throw new Error(`the program is not ready after ${readyMsMax} ms:\n${program.printed()}`);
    await Bun.sleep(10);
  }
}

/** Process ids of all children of a process, and theirs. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return []; // It has ended.
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** `weir chaos`: faults between connections, in processes and in clocks. See docs/chaos.md. */
import type { Command } from "commander";

export interface ProxyArguments {
  readonly listen?: string;
  readonly upstream?: string;
  readonly control: string;
  readonly fault?: string[];
  readonly seed?: string;
  readonly scenario?: string;
  readonly exit?: true;
  readonly json?: true;
}

export interface ControlArguments {
  readonly control: string;
  readonly json?: true;
}

export interface ProcessArguments {
  readonly for?: string;
  readonly after?: string;
  readonly signal?: string;
  readonly json?: true;
}

export interface ClockArguments {
  readonly file?: string;
  readonly offset?: string;
  readonly json?: true;
}

const defaultControl = "127.0.0.1:8474";
const many = (value: string, before: string[] = []): string[] => [...before, value];

const faultHelp = `
Faults (any may add direction=up|down|both and probability=0..1, the share of connections it strikes):
  latency delay=100ms jitter=20ms      bytes arrive later
  bandwidth rate=100KB/s               a slow link
  loss probability=0.1                 what is sent vanishes
  partition                            nothing passes until it ends
  reset after=50ms probability=0.1     connections are reset
  slow-close delay=2s                  the end arrives later
  slice size=64B delay=1ms             small pieces
  limit bytes=10KiB                    closed after so many bytes
`;

export function registerChaos(program: Command): void {
  const chaos = program
    .command("chaos")
    .description("faults on purpose: between connections, in processes, in clocks")
    .addHelpText("after", "\nExample:\n  weir chaos proxy --listen 127.0.0.1:7000 --upstream 127.0.0.1:9000");
  registerProxy(chaos);
  registerControl(chaos);
  registerProcess(chaos);
  registerClock(chaos);
}

function registerProxy(chaos: Command): void {
  chaos
    .command("proxy")
    .description("a TCP proxy with faults that can be changed while it runs")
    .option("--listen <address>", "where it listens")
    .option("--upstream <address>", "where connections go")
    .option("--control <address>", "where weir chaos set, list and clear reach it; off for none", defaultControl)
    .option("--fault <fault>", "in force from the start; repeatable", many)
    .option("--seed <number>", "of everything random, to repeat a run (default: drawn, and printed)")
    .option("--scenario <file>", "a timeline of faults from a YAML file")
    .option("--exit", "end when the scenario has ended")
    .option("--json", "print what happens as JSON lines")
    .addHelpText(
      "after",
      `${faultHelp}
Examples:
  weir chaos proxy --listen 127.0.0.1:7000 --upstream 127.0.0.1:9000 --fault 'latency delay=20ms'
  weir chaos proxy --scenario examples/chaos/partition.yaml --exit`,
    )
    .action(async (options: ProxyArguments) => {
      const { runProxy } = await import("./chaos.ts");
      process.exitCode = await runProxy(options);
    });
}

function registerControl(chaos: Command): void {
  const control = (name: string, description: string, example: string): Command =>
    chaos
      .command(name)
      .description(description)
      .option("--control <address>", "control address of the proxy", defaultControl)
      .option("--json", "print the proxy's state as JSON")
      .addHelpText("after", `\nExample:\n  ${example}`);
  control("set", "put a fault in force, or replace the one of that name", "weir chaos set cut partition")
    .argument("<name>", "name of the fault")
    .argument("<fault...>", "kind and settings; weir chaos proxy --help lists them")
    .action(async (name: string, words: string[], options: ControlArguments) => {
      const { runControl } = await import("./chaos.ts");
      process.exitCode = await runControl("PUT", name, words.join(" "), options);
    });
  control("list", "the faults in force and what the proxy has carried", "weir chaos list").action(
    async (options: ControlArguments) => {
      const { runControl } = await import("./chaos.ts");
      process.exitCode = await runControl("GET", null, null, options);
    },
  );
  control("clear", "end one fault, or all", "weir chaos clear cut")
    .argument("[name]", "name of the fault")
    .action(async (name: string | undefined, options: ControlArguments) => {
      const { runControl } = await import("./chaos.ts");
      process.exitCode = await runControl("DELETE", name ?? null, null, options);
    });
}

function registerProcess(chaos: Command): void {
  chaos
    .command("pause")
    .description("let a process stand still, then go on")
    .argument("<pid>", "the process")
    .option("--for <duration>", "how long", "5s")
    .option("--after <duration>", "wait before", "0")
    .option("--json", "print what was done as JSON")
    .addHelpText("after", "\nExample:\n  weir chaos pause 4711 --for 3s")
    .action(async (pid: string, options: ProcessArguments) => {
      const { runPause } = await import("./chaos.ts");
      process.exitCode = await runPause(pid, options);
    });
  chaos
    .command("kill")
    .description("end a process at once")
    .argument("<pid>", "the process")
    .option("--signal <name>", "KILL, TERM, SEGV ...", "KILL")
    .option("--after <duration>", "wait before", "0")
    .option("--json", "print what was done as JSON")
    .addHelpText("after", "\nExample:\n  weir chaos kill 4711 --after 2s")
    .action(async (pid: string, options: ProcessArguments) => {
      const { runKill } = await import("./chaos.ts");
      process.exitCode = await runKill(pid, options);
    });
}

function registerClock(chaos: Command): void {
  const clock = chaos
    .command("clock")
    .description("a wall clock that is off, for one program; the monotonic clock stays true")
    .addHelpText("after", "\nExample:\n  weir chaos clock run -- ./weir serve\n  weir chaos clock set +500s");
  clock
    .command("run")
    .description("start a program whose wall clock can be stepped while it runs")
    .argument("<command...>", "the program and its arguments, behind --")
    .option("--offset <offset>", "from the start: +500s, -5m", "0")
    .option("--file <file>", "where the offset is kept (default: one of its own)")
    .addHelpText("after", "\nExample:\n  weir chaos clock run --offset -500s -- ./weir serve my.yaml")
    .action(async (command: string[], options: ClockArguments) => {
      const { runClock } = await import("./chaos.ts");
      process.exitCode = await runClock(command, options);
    });
  clock
    .command("set")
    .description("step the wall clock of a program started by weir chaos clock run")
    .argument("<offset>", "against the true time: +500s, -5m, 0 (behind -- when negative)")
    .option("--file <file>", "as printed by run; needed when several run")
    .option("--json", "print the offset as JSON")
    .addHelpText("after", "\nExample:\n  weir chaos clock set -- -500s")
    .action(async (offset: string, options: ClockArguments) => {
      const { setClock } = await import("./chaos.ts");
      process.exitCode = setClock(offset, options);
    });
}

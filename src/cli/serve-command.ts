/** `weir serve`: runs the gateway until it is told to end. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import { ExitCode, say, version } from "../base/mod.ts";
import type { LogFormat, RunningGateway } from "../supervisor/mod.ts";
import { messages } from "./messages.ts";

interface Options {
  readonly log: LogFormat;
}

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("run the gateway; without a file, a documented default with a built-in example upstream")
    .argument("[file]", "the configuration")
    .addOption(
      new Option("--log <format>", "how the log on stderr is written").choices(["text", "json"]).default("text"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  weir serve\n  weir serve my.yaml --log json\n\nSignals: HUP reloads, USR2 restarts the workers, TERM drains and ends.",
    )
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await run(file ?? null, options);
    });
}

async function run(file: string | null, { log }: Options): Promise<number> {
  const { Refusal, serve, WorkerImage } = await import("../supervisor/mod.ts");
  const example = file === null ? await startExample() : null;
  try {
    const root = join(import.meta.dir, "../..");
    const program = new WorkerImage(
      join(import.meta.dir, "worker.ts"),
      join(root, "src"),
      join(root, "node_modules/.cache/weir"),
    );
    const gateway = await serve({ file, exampleAddress: example?.address ?? null, logFormat: log, program, version });
    if (log === "text") greet(gateway, example);
    await gateway.ended;
    return ExitCode.passed;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.problems.map(({ text }) => text).join("\n"));
    return ExitCode.wrongUse;
  } finally {
    example?.stop();
  }
}

interface RunningExample {
  readonly address: string;
  stop(): void;
}

/** The example exchange runs in a process of its own, as a real service would. */
async function startExample(): Promise<RunningExample> {
  const { exampleUpstreamAddress, parseAddress } = await import("../config/mod.ts");
  const { isFree } = await import("../transport/mod.ts");
  const usual = parseAddress(exampleUpstreamAddress)!;
  // Nobody needs to know its port but the gateway, so another program there is no reason not to start.
  const wanted = usual.kind === "ip" && isFree(usual) ? exampleUpstreamAddress : "127.0.0.1:0";
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "main.ts"), "example", "--listen", wanted, "--with-parent", "--json"],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) process.exit(await child.exited);
  const { address } = JSON.parse(new TextDecoder().decode(value)) as { address: string };
  return { address, stop: () => child.kill() };
}

/** Where it listens, where metrics are, and one line to try. */
function greet(gateway: RunningGateway, example: RunningExample | null): void {
  const { listeners, metrics, configFile } = gateway.status();
  const lines = listeners.map(({ name, address, isSecure }) =>
    say(messages.listens, { name, address: urlOf(address, isSecure) }),
  );
  if (example !== null) lines.push(say(messages.example, { address: example.address }));
  if (metrics !== null) lines.push(say(messages.metrics, { address: `${urlOf(metrics)}/metrics` }));
  if (gateway.admin !== null)
    lines.push(say(messages.admin, { address: gateway.admin, file: configFile === null ? "" : ` ${configFile}` }));
  const [first] = listeners;
  if (first !== undefined) lines.push(say(messages.tryIt, { command: curlOf(first, example !== null) }));
  console.log(lines.map((line) => `  ${line}`).join("\n"));
}

function urlOf(address: string, isSecure = false): string {
  const scheme = isSecure ? "https" : "http";
  return address.startsWith("unix:")
    ? address
    : `${scheme}://${address.replace(/^(0\.0\.0\.0|\[::\]):/, "localhost:")}`;
}

function curlOf({ address, isSecure }: { address: string; isSecure: boolean }, hasExample: boolean): string {
  const path = hasExample ? "/quotes/WEIR" : "/health";
  return address.startsWith("unix:")
    ? `curl --unix-socket ${address.slice(5)} http://localhost${path}`
    : `curl ${isSecure ? "--insecure " : ""}${urlOf(address, isSecure)}${path}`;
}

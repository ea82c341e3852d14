/** `weir status`, `weir reload`, `weir restart`, `weir drain`: talk to a running gateway. */
import type { Command } from "commander";

export interface OperateOptions {
  readonly admin?: string;
  readonly json?: true;
  readonly force?: true;
}

export type OperateName = "status" | "reload" | "restart" | "drain";

const descriptions: Readonly<Record<OperateName, string>> = {
  status: "show a running gateway: workers, configuration, connections",
  reload: "read the configuration again and put it in force in every worker, or in none",
  restart: "let a new generation of workers take over, without losing a request",
  drain: "stop accepting, let requests finish, and end",
};

export function registerOperate(program: Command): void {
  for (const name of Object.keys(descriptions) as OperateName[]) {
    const command = program
      .command(name)
      .description(descriptions[name])
      .argument("[file]", "the configuration the gateway was started with, to find it by")
      .option("--admin <address>", "where its admin interface answers: a socket's path, or host:port")
      .option("--json", "print the answer as JSON")
      .addHelpText("after", `\nExamples:\n  weir ${name}\n  weir ${name} my.yaml --json`)
      .action(async (file: string | undefined, options: OperateOptions) => {
        const { operate } = await import("./operate.ts");
        process.exitCode = await operate(name, file ?? null, options);
      });
    if (name === "restart") command.option("--force", "end a generation that is still draining at once");
  }
}

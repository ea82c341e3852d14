/**
 * The command line: finds the command, turns what it throws into a message and an exit code.
 *
 * A command is a file `<name>-command.ts` in this folder that exports `register<Name>(program)`. It only declares its
 * arguments; what it runs is imported when the command is used, so that `weir --help` stays instant.
 */
import { Command, CommanderError } from "commander";
import { ExitCode, type Language, language, setLanguage, version, WeirError } from "../base/mod.ts";
import { registerChaos } from "./chaos-command.ts";
import { registerCheck } from "./check-command.ts";
import { registerExample } from "./example-command.ts";
import { registerLoad } from "./load-command.ts";
import { registerOperate } from "./operate-command.ts";
import { registerProve } from "./prove-command.ts";
import { registerServe } from "./serve-command.ts";
import { registerTest } from "./test-command.ts";
import { registerTune } from "./tune-command.ts";

const program = new Command("weir")
  .description("A gateway that regulates a flow and measures it")
  .version(version)
  .option("--lang <language>", "language of messages and reports: en or zh", parseLanguage, language())
  .showHelpAfterError("(weir --help lists the commands)")
  .exitOverride();

registerServe(program);
registerOperate(program);
registerCheck(program);
registerLoad(program);
registerProve(program);
registerExample(program);
registerChaos(program);
registerTune(program);
registerTest(program);

overrideExits(program);
// Whoever read what is printed, `head` say, has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
process.exitCode = await run(process.argv);

function overrideExits(command: Command): void {
  for (const nested of command.commands) {
    nested.exitOverride();
    overrideExits(nested);
  }
}

async function run(argv: string[]): Promise<number> {
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? ExitCode.passed);
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.passed : ExitCode.wrongUse;
  if (error instanceof WeirError) {
    console.error(`weir: ${error.message} [${error.code}]`);
    if (error.hint !== "") console.error(`      ${error.hint}`);
    return error.exitCode;
  }
  console.error(error);
  return ExitCode.bug;
}

function parseLanguage(value: string): Language {
  if (value !== "en" && value !== "zh") {
    throw new WeirError("cli.language", `there is no language "${value}"`, { hint: "use --lang en or --lang zh" });
  }
  setLanguage(value);
  return value;
}

/** `weir example`: the example exchange by itself, as the backend of a trial or a benchmark. */
import { type Command, InvalidArgumentError } from "commander";
import { say, WeirError } from "../base/mod.ts";
import { messages } from "./messages.ts";

interface Options {
  readonly listen: string;
  readonly behaviour: string;
  readonly json?: true;
  readonly withParent?: true;
  readonly seed?: number;
}

export function registerExample(program: Command): void {
  program
    .command("example")
    .description("run the example exchange: quotes, orders, echo, with latency and errors on demand")
    .option("--listen <address>", "where it listens", "127.0.0.1:9000")
    .option("--behaviour <query>", "for all requests, e.g. 'latency=5ms&errors=0.01'", "")
    .option("--seed <number>", "of errors and jitter, to repeat a run", parseSeed)
    .option("--json", "print where it listens as JSON")
    .option("--with-parent", "end when standard input ends")
    .addHelpText("after", "\nExample:\n  weir example --listen 127.0.0.1:9000 --behaviour 'latency=5ms&jitter=2ms'")
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { formatAddress, parseAddress } = await import("../config/mod.ts");
  const { parseBehaviour, plainBehaviour, startExchange } = await import("../example/mod.ts");
  const { probeAddress } = await import("../transport/mod.ts");
  const address = parseAddress(options.listen);
  if (address === null || address.kind === "name") {
    throw new WeirError("cli.address", say(messages.addressWrong, { text: options.listen }), {
      hint: "--listen 127.0.0.1:9000, --listen unix:/run/exchange.sock",
    });
  }
  const behaviour = options.behaviour === "" ? plainBehaviour : parseBehaviour(options.behaviour);
  if ("wrong" in behaviour) {
    throw new WeirError("cli.behaviour", say(messages.behaviourWrong, { text: behaviour.wrong }), {
      hint: "latency=20ms jitter=5ms errors=0.1 status=503 size=1000 chunked=on slow=10ms close=after",
    });
  }
  if (address.kind === "unix" || address.port !== 0) probeAddress(address);
  const where = address.kind === "unix" ? { unix: address.path } : { hostname: address.host, port: address.port };
  const exchange = startExchange({ ...where, behaviour, ...(options.seed !== undefined && { seed: options.seed }) });
  const open = address.kind === "ip" ? { ...address, port: exchange.port } : address;
  const text = formatAddress(open);
  console.log(options.json ? JSON.stringify({ address: text }) : say(messages.exampleListens, { address: text }));
  await untilToldToEnd(options.withParent === true);
  exchange.stop();
}

async function untilToldToEnd(withParent: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once("SIGTERM", resolve);
  // With a parent the terminal's interrupt is the parent's to act on: it drains first, and ends this process last.
  if (withParent) process.on("SIGINT", () => {});
  else process.once("SIGINT", resolve);
  if (withParent) process.stdin.once("end", resolve).resume();
  await promise;
  process.stdin.pause();
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0) throw new InvalidArgumentError("a whole number");
  return seed;
}

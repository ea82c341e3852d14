/** `weir load`: generate load, show it live, print and save what was found. See docs/load.md. */
import type { Command } from "commander";

/** The options as commander hands them over: text, not yet looked at. */
export interface LoadArguments {
  rate?: string;
  connections?: string;
  ratePerConnection?: string;
  http?: string;
  streams?: string;
  idle?: string;
  insecure?: boolean;
  cacert?: string;
  serverName?: string;
  cert?: string;
  key?: string;
  handshake?: string;
  messageSize?: string;
  duration?: string;
  requests?: string;
  arrivals?: string;
  seed?: string;
  steps?: string;
  ramp?: string;
  burst?: string;
  schedule?: string;
  think?: string;
  catchUp?: string;
  warmup?: string;
  method?: string;
  header?: string[];
  body?: string;
  bodyFile?: string;
  expectStatus?: string;
  expectField?: string[];
  expectBody?: string[];
  scenario?: string;
  timeout?: string;
  connectTimeout?: string;
  connectRate?: string;
  reuse?: string;
  source?: string;
  processes?: string;
  pacing?: string;
  failIf?: string[];
  health?: string;
  ceiling?: boolean;
  sweep?: string;
  sweepConnections?: string;
  out?: string;
  json?: boolean;
}

const examples = `
Examples:
  weir load http://127.0.0.1:8080/ --rate 20000 --duration 30s
  weir load http://127.0.0.1:8080/ --connections 256 --duration 10s --fail-if 'p99 > 10ms'
  weir load http://127.0.0.1:8080/orders --rate 500 --arrivals poisson --method POST \\
            --header 'Content-Type: application/json' --body '{"id":"{{uuid}}","quantity":{{random:1:100}}}'
  weir load https://127.0.0.1:8443/ --http 2 --connections 32 --streams 16 --cacert authority.pem
  weir load wss://127.0.0.1:8443/feed --connections 1000 --rate-per-connection 2 --message-size 200 --insecure
  weir load --scenario examples/load/trading.yaml --out result
  weir load http://127.0.0.1:8080/ --sweep 1000,2000,4000,8000 --duration 5s --out sweep
  weir load merge a.json b.json --out both

Exit codes: 0 passed, 2 wrong use, 3 a --fail-if held, 4 the generator was the limit (void), 130 interrupted`;

const many = (value: string, before: string[] = []): string[] => [...before, value];

export function registerLoad(program: Command): void {
  const load = addProtocolOptions(addRequestOptions(program.command("load")))
    .description("generate load, show progress live, print and save the result")
    .argument(
      "[url]",
      "http, https, ws or wss: where to send requests; with --scenario it replaces the scenario's target",
    )
    .option("--scenario <file>", "a mix of classes and everything above from a YAML file")
    .option("--timeout <duration>", "for a whole answer (default 10s)")
    .option("--connect-timeout <duration>", "for a connection (default 5s)")
    .option("--connect-rate <perSecond>", "connections opened per second at most (default 20000)")
    .option("--reuse <how>", "keep: connections are kept; none: one connection per request (default keep)")
    .option("--source <addresses>", "local addresses: 127.0.0.2-127.0.0.9 or a list; each has its own ports")
    .option("--processes <count>", "client processes (default: half the cores against this machine, else all)")
    .option("--pacing <how>", "waiting of an open loop: auto, precise, frugal, spin or timer")
    .option("--fail-if <expression>", "exit code 3 if it holds: 'p99 > 10ms', 'error_ratio > 0'; repeatable", many)
    .option("--health <how>", "void: a run limited by the generator is void; warn: only say so (default void)")
    .option("--ceiling", "measure the generator against a null server too, and say what share the run used")
    .option("--sweep <rates>", "one run at each rate: 1000,2000,4000 or 1000-8000:1000")
    .option("--sweep-connections <counts>", "one closed-loop run at each number of connections")
    .option("--out <directory>", "write result.json and result.html there")
    .option("--json", "print the result as JSON, and nothing else, to standard output")
    .addHelpText("after", examples)
    .action(async (url: string | undefined, options: LoadArguments) => {
      const { runLoadCommand } = await import("./load-run.ts");
      process.exitCode = await runLoadCommand(url, options);
    });
  load
    .command("merge")
    .description("add up the results of several processes or machines; percentiles come from added histograms")
    .argument("<files...>", "result.json files of runs that went on at the same time")
    .option("--out <directory>", "write the merged result.json and result.html there")
    .option("--json", "print the merged result as JSON")
    .addHelpText("after", "\nExample:\n  weir load merge one/result.json two/result.json --out both")
    .action(async (files: string[], options: { out?: string; json?: boolean }, command: Command) => {
      const { runMergeCommand } = await import("./load-run.ts");
      // `--out` and `--json` are options of `load` as well, which takes them first.
      process.exitCode = await runMergeCommand(files, { ...command.parent?.opts(), ...options });
    });
}

/** When requests leave, what they are, and what is good for an answer. */
function addRequestOptions(command: Command): Command {
  return command
    .option("--rate <perSecond>", "open loop: requests per second, whatever the answers do")
    .option("--rate-per-connection <perSecond>", "open loop: the same for each connection")
    .option("-c, --connections <count>", "connections in all; without --rate each sends when it has its answer")
    .option("-d, --duration <duration>", "how long, with its unit: 500ms, 30s, 10m (default 10s)")
    .option("-n, --requests <count>", "end after this many requests")
    .option("--arrivals <kind>", "spacing of an open loop: constant or poisson (default constant)")
    .option("--seed <number>", "seed of everything random (default: drawn, and printed)")
    .option("--steps <list>", "open loop in steps: 1000:10s,2000:10s")
    .option("--ramp <range>", "open loop from one rate to another over the duration: 0-5000")
    .option("--burst <burst>", "bursts over --rate: RATE:LENGTH:EVERY, as in 9000:200ms:5s")
    .option("--schedule <file>", "open loop from a file of lines 'duration rate' or 'duration from-to'")
    .option("--think <duration>", "closed loop: pause between an answer and the next request")
    .option(
      "--catch-up <how>",
      "open loop after a stall: send, or skip what is 1 s late (skip:200ms for another limit)",
    )
    .option("--warmup <duration>", "the first part of the run, kept out of the result")
    .option("-X, --method <method>", "request method")
    .option("-H, --header <field>", "header field 'Name: value'; repeatable", many)
    .option("--body <text>", "request body; a template, as are path and headers")
    .option("--body-file <file>", "request body from a file, sent as it is")
    .option("--expect-status <list>", "statuses that count as good (default 200 to 399)")
    .option("--expect-field <field>", "field an answer must carry: 'Name' or 'Name: value'; repeatable", many)
    .option("--expect-body <text>", "text an answer's body must contain; repeatable", many);
}

/** What belongs to HTTP/2, TLS and WebSocket. */
function addProtocolOptions(command: Command): Command {
  return command
    .option("--http <version>", "1.1 or 2; 2 goes over TLS by ALPN, and without it by prior knowledge (default 1.1)")
    .option("-m, --streams <count>", "HTTP/2: streams at once on each connection (default 1)")
    .option("-k, --insecure", "TLS: accept any certificate")
    .option("--cacert <file>", "TLS: trust the authorities in this PEM file instead of the system's")
    .option("--server-name <name>", "TLS: name to ask for and to verify (default: the URL's host)")
    .option("--cert <file>", "TLS: certificate of this client with its chain, in PEM form")
    .option("--key <file>", "TLS: its key (default: in the file of the certificate)")
    .option("--handshake <how>", "TLS: full, or resume the session of an earlier connection (default full)")
    .option("--message-size <bytes>", "WebSocket: size of a message where --body says nothing (default 64)")
    .option("--idle <count>", "further connections that are opened, kept and send nothing");
}

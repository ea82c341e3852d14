/**
 * The programs that the TLS benchmarks compare: Weir with either engine and nginx, one worker each, in front of the same
 * upstream that answers 256 bytes in the clear. They are looked at from outside only: sockets, CPU time, resident memory.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");

export interface Target {
  readonly name: string;
  readonly port: number;
  /** The process that does the work. */
  readonly pid: number;
}

export class Gateways {
  readonly targets: Target[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "weir-tls-bench-"));
  private readonly children: Bun.Subprocess[] = [];

  /** Starts everything with one certificate (ECDSA on P-256). */
  static async start(): Promise<Gateways> {
    const gateways = new Gateways();
    try {
      gateways.makeCertificate();
      const upstream = await gateways.startUpstream();
      gateways.targets.push(await gateways.startNginx(upstream));
      gateways.targets.push(await gateways.startWeir("openssl", upstream));
      gateways.targets.push(await gateways.startWeir("bun", upstream));
      return gateways;
    } catch (error) {
      await gateways.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill();
    await Promise.all(this.children.map((child) => child.exited));
    rmSync(this.folder, { recursive: true, force: true });
  }

  private makeCertificate(): void {
    const made = Bun.spawnSync(
      [
        ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-subj", "/CN=bench.example.com", "-days", "2", "-keyout", "bench.key", "-out", "bench.pem"],
      ],
      { cwd: this.folder },
    );
    if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  }

  private async startUpstream(): Promise<number> {
    const child = this.spawn([process.execPath, join(import.meta.dir, "upstream.ts")]);
    return Number(await lineOf(child, /^(\d+)$/m));
  }

  private async startWeir(engine: "openssl" | "bun", upstream: number): Promise<Target> {
    const file = join(this.folder, `${engine}.yaml`);
    const admin = join(this.folder, `${engine}.sock`);
    writeFileSync(
      file,
      `workers: 1
listeners:
  edge: { address: "127.0.0.1:0", tls: { engine: ${engine}, certificates: { certificate: bench.pem, key: bench.key } } }
upstreams: { plain: { endpoints: "127.0.0.1:${upstream}" } }
timeouts: { drain: 1s, keepAliveIdle: 10m }
metrics: off
admin: { address: "unix:${admin}" }
routes: [{ match: { path: /* }, upstream: plain }]
`,
    );
    const child = this.spawn([process.execPath, join(root, "src/cli/main.ts"), "serve", file]);
    const port = Number(await lineOf(child, /listener edge: https?:\/\/[^:]+:(\d+)/));
    const status = (await (await fetch("http://weir/status", { unix: admin })).json()) as {
      workers: { pid: number }[];
    };
    return { name: `weir ${engine}`, port, pid: status.workers[0]!.pid };
  }

  private async startNginx(upstream: number): Promise<Target> {
    const port = freePort();
    const folder = this.folder;
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log crit;
events { worker_connections 20000; }
http {
  ${temporary.join(" ")}
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  upstream plain { server 127.0.0.1:${upstream}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    ssl_certificate ${folder}/bench.pem; ssl_certificate_key ${folder}/bench.key; ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_buffer_size 16k;
    location / { proxy_pass http://plain; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
    );
    const child = this.spawn(["nginx", "-p", folder, "-c", join(folder, "nginx.conf")]);
    await untilOpen(port);
    return { name: "nginx", port, pid: child.pid };
  }

  private spawn(command: string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
    const child = Bun.spawn(command, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.children.push(child);
    return child;
  }
}

/** CPU time of a process with all threads it ever had, in microseconds; the kernel tells it in hundredths of a second. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) * 10_000;
}

/** Places of utime and stime behind the process's name (proc(5) counts them 14 and 15). */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** Resident memory of a process that no other shares, in bytes. */
export function privateBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].map((match) => Number(match[1]));
  return kib.reduce((sum, one) => sum + one, 0) * 1024;
}

async function lineOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">, pattern: RegExp): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = child.stdout.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`${pattern} was not seen in:\n${text}${await new Response(child.stderr).text()}`);
    text += decoder.decode(value, { stream: true });
    const found = pattern.exec(text);
    if (found === null) continue;
    reader.releaseLock();
    return found[1]!;
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => {} } })).end();
      return;
    } catch {
      await Bun.sleep(10);
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}

/**
 * Two proxies in Go: the standard library's ReverseProxy, and fasthttp's server and client. Built offline from Debian's
 * packages (golang, golang-github-valyala-fasthttp-dev) into the cache; the runtime is told to use as many threads for Go
 * code as workers are asked for.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { anyCore, type Fleet, root } from "./fleet.ts";
import { type Peer, type PeerOptions, startSingle, versionOf } from "./peer.ts";

const debianPath = "/usr/share/gocode";
const cache = join(root, "node_modules/.cache/weir/go");

export async function startGoNetHttp(options: PeerOptions): Promise<Peer> {
  return await startGo("go-net-http", "net-http.go", options);
}

export async function startFasthttp(options: PeerOptions): Promise<Peer> {
  if (!existsSync(join(debianPath, "src/github.com/valyala/fasthttp"))) {
    throw new Error("fasthttp is missing: install golang-github-valyala-fasthttp-dev");
  }
  return await startGo("fasthttp", "fasthttp.go", options);
}

async function startGo(name: string, source: string, options: PeerOptions): Promise<Peer> {
  const program = await build(options.fleet, name, source);
  const backend = `127.0.0.1:${options.backendPort}`;
  const environment = { GOMAXPROCS: String(options.workers) };
  const version = versionOf(["go", "version"], /go(\d\S*)/);
  return await startSingle(
    options,
    name,
    `Go ${version}`,
    (port) => [program, `127.0.0.1:${port}`, backend],
    environment,
  );
}

async function build(fleet: Fleet, name: string, source: string): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const target = join(fleet.folder, name);
  await fleet.run(anyCore, ["go", "build", "-o", target, join(root, "bench/peers/go", source)], {
    GO111MODULE: "off",
    GOFLAGS: "",
    GOPATH: debianPath,
    GOCACHE: cache,
  });
  return target;
}

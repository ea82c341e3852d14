/** HAProxy, tuned: one thread for each worker asked for, connections to the backend shared and kept, no log. */
import { freePort } from "./fleet.ts";
import { type Peer, type PeerOptions, untilReady, versionOf } from "./peer.ts";

export async function startHaproxy(options: PeerOptions): Promise<Peer> {
  const { fleet, core } = options;
  const port = freePort();
  const file = fleet.write(`haproxy-${port}.cfg`, configuration(port, options));
  const program = fleet.start(core, ["haproxy", "-db", "-f", file]);
  const url = await untilReady(program, port, options);
  const version = versionOf(["haproxy", "-v"], /version (\S+)/);
  return { name: "haproxy", version, url, program, serving: [program.pid], supervising: [] };
}

function configuration(port: number, { backendPort, workers, connectionsMax }: PeerOptions): string {
  return `global
  nbthread ${workers}
  # It wants two descriptors for each, and starts with fewer as well: idle clients need one.
  no strict-limits
  maxconn ${Math.max(4096, connectionsMax)}
defaults
  mode http
  option http-keep-alive
  # An idle connection to the backend serves whoever asks next, from the first request on.
  http-reuse always
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout http-keep-alive 10m
frontend public
  bind 127.0.0.1:${port} backlog 4096
  default_backend core
backend core
  # As many idle connections as Weir keeps, and as long.
  server core 127.0.0.1:${backendPort} pool-max-conn 2000 pool-low-conn 2000 pool-purge-delay 10m
`;
}

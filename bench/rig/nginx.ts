/** nginx, tuned: each setting that costs less or saves connections is on, and nothing that it need not do. */
import { childrenOf, freePort, until } from "./fleet.ts";
import { type Peer, type PeerOptions, untilReady, versionOf } from "./peer.ts";

export async function startNginx(options: PeerOptions): Promise<Peer> {
  const { fleet, core, workers } = options;
  const port = freePort();
  const file = fleet.write(`nginx-${port}.conf`, configuration(port, options));
  const program = fleet.start(core, ["nginx", "-p", fleet.folder, "-e", "stderr", "-c", file]);
  const url = await untilReady(program, port, options);
  await until(program, () => childrenOf(program.pid).length === workers);
  const version = versionOf(["nginx", "-v"], /nginx\/(\S+)/);
  return { name: "nginx", version, url, program, serving: childrenOf(program.pid), supervising: [program.pid] };
}

function configuration(port: number, options: PeerOptions): string {
  const { fleet, backendPort, workers, connectionsMax, clients = "http1" } = options;
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${fleet.folder}/nginx-${name};`)
    .join("\n");
  return `${process.getuid?.() === 0 ? "user root;\n" : ""}daemon off;
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${fleet.folder}/nginx-${port}.pid;
error_log stderr error;
events {
  # Each connection of a client may need one to the backend.
  worker_connections ${Math.max(4096, Math.min(19_900, Math.ceil((connectionsMax / workers) * 1.2)))};
  multi_accept on;
}
http {
${folders}
  access_log off;
  sendfile on;
  tcp_nodelay on;
  # Never closes a connection by itself during a run.
  keepalive_timeout 10m;
  keepalive_requests 1000000000;
  upstream core {
    server 127.0.0.1:${backendPort};
    # As many idle connections as Weir keeps, and as long.
    keepalive 2000;
    keepalive_timeout 10m;
    keepalive_requests 1000000000;
  }
  server {
    # A queue of its own for each worker, as Weir has.
    listen 127.0.0.1:${port}${clients === "http2" ? " http2" : ""} reuseport backlog=4096;
    location / {
      proxy_pass http://core;
      # Without these two every request opens a connection.
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

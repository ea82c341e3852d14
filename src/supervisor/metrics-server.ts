/** `/metrics`, `/health` and `/ready` of the supervisor, answered without troubling a worker. */
import { contentTypes, type Exposition, negotiateFormat } from "../observe/mod.ts";
import type { Supervisor } from "./supervisor.ts";

/** @param exposition made when the segment is there */
export function metricsHandler(supervisor: Supervisor, exposition: () => Exposition): (request: Request) => Response {
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
    }
    switch (new URL(request.url).pathname) {
      case "/metrics": {
        const format = negotiateFormat(request.headers.get("accept"));
        return new Response(exposition().render(format), { headers: { "content-type": contentTypes[format] } });
      }
      case "/health":
        return text(supervisor.state === "stopped" ? 503 : 200, supervisor.state);
      case "/ready":
        return text(supervisor.isReady ? 200 : 503, supervisor.isReady ? "ready" : supervisor.state);
      default:
        return text(404, "/metrics, /health, /ready");
    }
  };
}

function text(status: number, body: string): Response {
  return new Response(`${body}\n`, { status, headers: { "cache-control": "no-store" } });
}

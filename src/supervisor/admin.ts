/**
 * The admin interface: `GET /status`, `POST /reload`, `/restart` (`?force=true`) and `/drain`, each answered with JSON when
 * it is done. On a Unix socket the file's mode says who may ask; over TCP every request carries the bearer token.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { OperationResult } from "./operation.ts";
import type { Status } from "./status.ts";

export interface AdminActions {
  status(): Status;
  reload(): Promise<OperationResult>;
  restart(isForced: boolean): Promise<OperationResult>;
  /** Begins to stop, and returns at once: the interface itself ends with the gateway. */
  drain(): OperationResult;
}

/** @param token what requests must carry now; null on a Unix socket without a token */
export function adminHandler(
  actions: AdminActions,
  token: () => string | null,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const wanted = token();
    if (wanted !== null && !carries(request, wanted)) {
      return json(401, { error: "unauthorized" }, { "www-authenticate": 'Bearer realm="weir"' });
    }
    const url = new URL(request.url);
    const route = `${request.method} ${url.pathname}`;
    switch (route) {
      case "GET /status":
        return json(200, actions.status());
      case "POST /reload":
        return answer(await actions.reload());
      case "POST /restart":
        return answer(await actions.restart(url.searchParams.get("force") === "true"));
      case "POST /drain":
        return answer(actions.drain(), 202);
      default:
        return json(404, {
          error: "not found",
          routes: ["GET /status", "POST /reload", "POST /restart", "POST /drain"],
        });
    }
  };
}

/** Hashes first, so that the time taken says nothing, not even about the length. */
function carries(request: Request, token: string): boolean {
  const given = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function answer(result: OperationResult, okStatus = 200): Response {
  return json(result.ok ? okStatus : 422, result);
}

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  const text = `${JSON.stringify(body, null, 2)}\n`;
  return new Response(text, { status, headers: { ...headers, "content-type": "application/json" } });
}

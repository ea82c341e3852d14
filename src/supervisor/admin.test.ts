import { expect, test } from "bun:test";
import { type AdminActions, adminHandler } from "./admin.ts";
import type { OperationResult } from "./operation.ts";
import type { Status } from "./status.ts";

const result = (operation: OperationResult["operation"], ok = true): OperationResult => ({
  operation,
  ok,
  changed: ok,
  revision: 1,
  generation: 1,
  tookMs: 0,
  at: "",
  problems: [],
});
const asked: string[] = [];
const actions: AdminActions = {
  status: () => ({ version: "1" }) as Status,
  reload: async () => result("reload", false),
  restart: async (isForced) => {
    asked.push(isForced ? "forced" : "plain");
    return result("restart");
  },
  drain: () => result("drain"),
};
const ask = async (token: string | null, method: string, path: string, authorization?: string): Promise<number> => {
  const headers = authorization === undefined ? {} : { authorization };
  const handler = adminHandler(actions, () => token);
  return (await handler(new Request(`http://weir${path}`, { method, headers }))).status;
};

test("every operation has its status, and nothing else is found", async () => {
  const statuses = [
    await ask(null, "GET", "/status"),
    await ask(null, "POST", "/reload"),
    await ask(null, "POST", "/restart"),
    await ask(null, "POST", "/restart?force=true"),
    await ask(null, "POST", "/drain"),
    await ask(null, "GET", "/reload"),
    await ask(null, "GET", "/"),
  ];
  expect([statuses, asked]).toEqual([
    [200, 422, 200, 200, 202, 404, 404],
    ["plain", "forced"],
  ]);
});

test("a token must be there and right", async () => {
  const token = "0123456789abcdef";
  const statuses = [
    await ask(token, "GET", "/status"),
    await ask(token, "GET", "/status", `Basic ${token}`),
    await ask(token, "GET", "/status", `Bearer ${token}x`),
    await ask(token, "GET", "/status", `Bearer ${token.slice(1)}`),
    await ask(token, "GET", "/status", `Bearer ${token}`),
  ];
  expect(statuses).toEqual([401, 401, 401, 401, 200]);
});

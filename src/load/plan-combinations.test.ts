import { expect, test } from "bun:test";
import { WeirError } from "../base/mod.ts";
import { buildPlan, type PlanInput } from "./build-plan.ts";
import { noChecks } from "./plan.ts";
import { parseScenario } from "./scenario.ts";

const wrong: readonly (readonly [string, PlanInput, string])[] = [
  ["HTTP/2 for a WebSocket", { url: "ws://h/", httpVersion: "2" }, "--http 2"],
  ["streams over HTTP/1.1", { url: "http://h/", streamsPerConnection: 4 }, "add --http 2"],
  [
    "streams on connections of one request",
    { url: "http://h/", httpVersion: "2", streamsPerConnection: 4, reusesConnections: false },
    "--reuse none",
  ],
  [
    "a connection's field over HTTP/2",
    { url: "http://h/", httpVersion: "2", request: { headers: [["Connection", "close"]] } },
    "header",
  ],
  ["two rates", { url: "http://h/", ratePerSecond: 1, ratePerConnection: 1 }, "--rate-per-connection"],
  ["TLS without a secure target", { url: "http://h/", tls: { verifies: false } }, "https://"],
  [
    "an authority for certificates that are not checked",
    { url: "https://h/", tls: { verifies: false, authorityFile: "a.pem" } },
    "--cacert",
  ],
  ["a key without its certificate", { url: "https://h/", tls: { keyFile: "k.pem" } }, "--cert"],
  ["TLS on the runtime's timers", { url: "https://h/", pacing: "timer" }, "--pacing auto"],
  ["a message size without messages", { url: "http://h/", messageBytes: 5 }, "ws://"],
  ["a message size beside a body", { url: "ws://h/", messageBytes: 5, request: { body: "x" } }, "--message-size"],
  ["a method for messages", { url: "ws://h/", request: { method: "POST" } }, "method"],
  ["statuses of messages", { url: "ws://h/", request: { checks: { ...noChecks, statuses: [200] } } }, "--expect-body"],
  [
    "messages for two paths",
    {
      url: "ws://h/",
      classes: [
        { name: "a", path: "/a" },
        { name: "b", path: "/b" },
      ],
    },
    "one scenario for each path",
  ],
];
for (const [what, input, hint] of wrong) {
  test(`${what} cannot be asked for, and the hint says what can`, () => {
    try {
      buildPlan(input);
    } catch (error) {
      expect(error).toBeInstanceOf(WeirError);
      expect((error as WeirError).hint).toContain(hint);
      return;
    }
    throw new Error("it was accepted");
  });
}

test("a scenario says the same as the options", () => {
  const { input } = parseScenario(
    `
target: wss://127.0.0.1:8443
idle: 7
connections: 3
messageSize: 200
tls: { cacert: authority.pem, serverName: gw.test, handshake: resume }
load: { ratePerConnection: 5, duration: 2s }
classes: { ask: { path: /feed } }
`,
    "/folder/scenario.yaml",
  );
  const plan = buildPlan(input);
  expect([plan.protocol, plan.idleConnectionsCount, plan.classes[0]!.body!.length]).toEqual(["websocket", 7, 200]);
  expect(plan.tls).toEqual({
    verifies: true,
    authorityFile: "/folder/authority.pem",
    serverName: "gw.test",
    certificateFile: null,
    keyFile: null,
    resumes: true,
  });
  expect(plan.load).toMatchObject({ kind: "open", pieces: [{ fromPerSecond: 15, toPerSecond: 15, durationMs: 2000 }] });
});

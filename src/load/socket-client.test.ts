import { expect, test } from "bun:test";
import { systemClock } from "../base/mod.ts";
import { buildPlan } from "./build-plan.ts";
import { planDefaults } from "./plan.ts";
import type { ClientEvents } from "./protocol-client.ts";
import { protocolOf } from "./protocols.ts";

/** Lets everybody's callbacks run until it holds. */
async function until(holds: () => boolean, work: () => void = () => {}): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    expect(turns).toBeLessThan(100_000);
    work();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

test("a client that has read as many answers as it may at once has unread ones, so that nobody sleeps on them", async () => {
  const most = planDefaults.answersPerPollOpen;
  const connectionsCount = most + 8;
  let writtenCount = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        writtenCount++;
      },
    },
  });
  let [freedCount, answeredCount] = [0, 0];
  const events: ClientEvents = {
    freed: () => void freedCount++,
    answered: () => void answeredCount++,
    lost: () => {},
    departed: () => {},
    failed: () => {},
    stepped: () => {},
    noted: () => {},
    connectFailed: () => {},
  };
  const plan = buildPlan({ url: `http://127.0.0.1:${server.port}/`, ratePerSecond: 1, connectionsCount });
  const share = { process: 0, processesCount: 1, connectionsCount, idleCount: 0 };
  const protocol = protocolOf(plan);
  const [request] = protocol.createRequests(plan, share, null as never);
  const client = protocol.createClient(plan, share, events, systemClock);
  try {
    client.open();
    await until(
      () => freedCount === connectionsCount,
      () => {
        client.tick(systemClock.monotonicNs());
        client.poll();
      },
    );
    request!.render();
    for (let slot = 0; slot < connectionsCount; slot++) client.send(slot, request!);
    client.flush();
    await until(() => writtenCount === connectionsCount);
    client.poll();
    expect([answeredCount, client.hasUnread]).toEqual([most, true]);
    client.poll();
    expect([answeredCount, client.hasUnread]).toEqual([connectionsCount, false]);
  } finally {
    client.stopOpening();
    client.close();
    server.stop(true);
  }
});

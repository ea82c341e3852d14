/** How requests travel: one at a time on each of many connections, or many at a time on each of a few. */
import { defineMessages } from "../../base/mod.ts";
import type { PlanInput } from "../../load/mod.ts";
import { type Context, openConnectionsCount } from "../context.ts";
import type { Target } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";

const messages = defineMessages({
  alone: {
    en: "HTTP/1.1, {connections} connections with one request at a time on each",
    zh: "HTTP/1.1（{connections} 个连接，每个连接一次一个请求）",
  },
  together: {
    en: "HTTP/2, {connections} connections with up to {streams} requests at a time on each",
    zh: "HTTP/2（{connections} 个连接，每个连接最多 {streams} 个并发请求）",
  },
});

export interface Way {
  readonly name: Text;
  readonly load: Partial<PlanInput>;
}

export const alone: Way = {
  name: textOf(messages.alone, { connections: openConnectionsCount }),
  load: { connectionsCount: openConnectionsCount },
};

/** As many requests at once as `alone`; a write or read carries several of them. */
const streams = { connectionsCount: 8, streamsPerConnection: openConnectionsCount / 8 };

export const together: Way = {
  name: textOf(messages.together, { connections: streams.connectionsCount, streams: streams.streamsPerConnection }),
  load: { httpVersion: "2", ...streams },
};

/** Whether a target takes requests in this way, asked with a few of them: it may not speak HTTP/2. */
export async function takes(context: Context, target: Target, { load }: Way): Promise<boolean> {
  const few = { connectionsCount: 1, streamsPerConnection: 1, connectPerSecond: 10, requestsMax: 10, durationMs: 1000 };
  const { summary } = (await context.run(target, { ...load, ...few, health: { isVoidable: false } })).load;
  return summary.answers > 0;
}

/**
 * The data plane in the test's own process, over real sockets: for tests of what a worker does with requests. Tests of
 * processes start a real `weir serve` instead.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { Gateway } from "../../src/gateway/mod.ts";
import {
  planSegment,
  Segment,
  SegmentDirectory,
  SegmentTotals,
  seriesKey,
  WorkerMetrics,
} from "../../src/observe/mod.ts";
import { tableCellsOf } from "../../src/supervisor/mod.ts";
import { localAddress, openListeningSocket, type SocketAddress } from "../../src/transport/mod.ts";

export class LocalGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly folder: string;
  private readonly directory: SegmentDirectory;
  private revision = 1;

  /** @param text configuration without `listeners` and `metrics`, unless it brings listeners of its own */
  constructor(
    text: string,
    makeMetrics = (segment: Segment, seat: number): WorkerMetrics => new WorkerMetrics(segment, seat),
  ) {
    this.folder = mkdtempSync(join(tmpdir(), "weir-local-"));
    const config = configOf(text);
    const sizes = planSegment(1, 64, this.folder, tableCellsOf(config));
    this.directory = new SegmentDirectory(Segment.create(sizes, this.folder));
    const seat = this.directory.claimSeat(0, 1, 0);
    this.gateway = new Gateway({
      config,
      revision: this.revision,
      slots: this.slots(config),
      metrics: makeMetrics(this.directory.segment, seat),
    });
    this.port = 0;
    for (const listener of config.listeners) {
      const address = listener.address as SocketAddress;
      const fd = openListeningSocket(address, { backlog: 128, reusePort: false, isFirst: true });
      if (address.kind === "ip" && this.port === 0) this.port = portOf(fd);
      this.gateway.listen(listener.name, fd);
    }
  }

  /** Puts another configuration in force. */
  reload(text: string): void {
    const config = configOf(text);
    this.revision++;
    this.gateway.prepare(config, this.revision, this.slots(config));
    this.gateway.commit();
  }

  /** What was refused or cut with this outcome, outside of requests. */
  refusals(outcome: number): number {
    const totals = new SegmentTotals(this.directory.segment);
    totals.read(0);
    return totals.refusals[outcome]!;
  }

  async close(): Promise<void> {
    await this.gateway.drain(0);
    this.directory.segment.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private slots(config: ReturnType<typeof configOf>): Readonly<Record<string, number>> {
    return this.directory.assignSlots(
      config.routes.map((route) => ({
        route: route.name,
        upstream: route.action.kind === "upstream" ? route.action.upstream : "none",
      })),
    );
  }
}

export { seriesKey };

function configOf(text: string) {
  const listeners = text.includes("listeners:") ? "" : 'listeners: { public: { address: "127.0.0.1:0" } }\n';
  const loaded = parseConfig(`workers: 1\n${listeners}metrics: off\nadmin: off\n${text}`, "test.yaml");
  if (!("config" in loaded)) throw new Error(JSON.stringify(loaded.problems, null, 2));
  return loaded.config;
}

function portOf(fd: number): number {
  const address = localAddress(fd);
  return address.kind === "ip" ? address.port : 0;
}

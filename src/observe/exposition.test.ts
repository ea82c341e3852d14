import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { FakeClock, Outcome } from "../base/mod.ts";
import { Exposition, type MetricSource, type SupervisorFacts } from "./exposition.ts";
import { contentTypes, type ExpositionFormat, negotiateFormat } from "./exposition-format.ts";
import { allMetricRows, type MetricRow } from "./metric-table.ts";
import { ProcessCounter } from "./process-counters.ts";
import { Segment } from "./segment.ts";
import { SegmentDirectory, seriesKey } from "./segment-directory.ts";
import { slotNone } from "./segment-layout.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

const folders: string[] = [];
const facts: SupervisorFacts = {
  version: '1.0 "x"\\\n',
  startedWallMs: 1_700_000_000_500,
  revision: 7,
  generation: 3,
  workerCrashes: 1,
  reloadsTaken: 4,
  reloadsRefused: 2,
};

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newDirectory(slots = 8): SegmentDirectory {
  const folder = mkdtempSync("/tmp/weir-observe-");
  folders.push(folder);
  return new SegmentDirectory(Segment.create({ seats: 4, slots, cells: 16 }, folder));
}

function worker(directory: SegmentDirectory, index: number): { metrics: WorkerMetrics; seat: number } {
  const seat = directory.claimSeat(index, 3, 0);
  const metrics = WorkerMetrics.attach(directory.grant(seat));
  metrics.setRevision(7);
  return { metrics, seat };
}

/** Two workers, one route with failures and odd names, one request without a route. */
function example(): { directory: SegmentDirectory; exposition: Exposition } {
  const directory = newDirectory();
  const slots = directory.assignSlots([{ route: 'a "b"\\\né', upstream: "core" }]);
  const slot = slots[seriesKey('a "b"\\\né', "core")]!;
  const [first, second] = [worker(directory, 0), worker(directory, 1)];
  first.metrics.recordRequest(slot, Outcome.ok, 2, 900, 600);
  second.metrics.recordRequest(slot, Outcome.ok, 2, 1_500_000, 1_400_000);
  second.metrics.recordRequest(slot, Outcome.upstreamClosed, 5, 20_000_000, 19_000_000.4);
  second.metrics.recordRequest(slotNone, Outcome.noRoute, 4, 10, -1);
  second.metrics.addRequestBytes(slot, 100, 2000);
  second.metrics.recordRefusal(Outcome.tooManyConnections);
  second.metrics.recordLoopStall(3000);
  first.metrics.add(ProcessCounter.retries, 2);
  second.metrics.add(ProcessCounter.retries, 3);
  first.metrics.connectionOpened();
  return { directory, exposition: new Exposition(directory, () => facts, new FakeClock()) };
}

function scrape(exposition: Exposition, format: ExpositionFormat = "text"): Map<string, number> {
  return parse(new TextDecoder("utf-8", { fatal: true }).decode(exposition.render(format)), format, allMetricRows);
}

test("both formats are well formed and tell the same, with names, kinds and labels of the documented set alone", () => {
  const { exposition } = example();
  const samples = scrape(exposition);
  const open = scrape(exposition, "openmetrics");
  const told = (name: string) => name !== "weir_scrapes_total";
  expect([...open].filter(([name]) => told(name))).toEqual([...samples].filter(([name]) => told(name)));
  const pair = 'route="a \\"b\\"\\\\\\né",upstream="core"';
  const wanted: Record<string, number> = {
    [`weir_build_info{version="1.0 \\"x\\"\\\\\\n",runtime="bun ${Bun.version}"}`]: 1,
    weir_start_time_seconds: 1_700_000_000.5,
    [`weir_requests_total{${pair},outcome="ok"}`]: 2,
    [`weir_requests_total{${pair},outcome="upstream-closed"}`]: 1,
    'weir_requests_total{route="none",upstream="none",outcome="no-route"}': 1,
    [`weir_responses_total{${pair},status="5xx"}`]: 1,
    [`weir_request_sent_bytes_total{${pair}}`]: 2000,
    [`weir_request_seconds_bucket{${pair},outcome="answered",le="0.0005"}`]: 0,
    [`weir_request_seconds_bucket{${pair},outcome="answered",le="0.001"}`]: 1,
    [`weir_request_seconds_bucket{${pair},outcome="answered",le="2.5"}`]: 2,
    [`weir_request_seconds_sum{${pair},outcome="answered"}`]: 1.5009,
    [`weir_request_seconds_bucket{${pair},outcome="upstream",le="10.0"}`]: 0,
    [`weir_request_seconds_bucket{${pair},outcome="upstream",le="+Inf"}`]: 1,
    'weir_upstream_seconds_count{upstream="core"}': 3,
    'weir_upstream_seconds_sum{upstream="core"}': 20.4006,
    weir_upstream_retries_total: 5,
    weir_client_connections_open: 1,
    'weir_refused_connections_total{outcome="too-many-connections"}': 1,
    weir_event_loop_stall_seconds_count: 1,
    'weir_worker_up{seat="1",worker="1"}': 1,
    'weir_worker_revision{seat="0"}': 7,
    'weir_worker_requests_total{seat="1"}': 3,
    'weir_configuration_reloads_total{result="refused"}': 2,
  };
  expect(Object.fromEntries(Object.keys(wanted).map((name) => [name, samples.get(name)]))).toEqual(wanted);
});

test("no counter goes backwards when workers end and others take their seats", () => {
  const { directory, exposition } = example();
  const before = scrape(exposition);
  directory.releaseSeat(0);
  directory.releaseSeat(1);
  const between = scrape(exposition);
  worker(directory, 1).metrics.recordRequest(slotNone, Outcome.noRoute, 4, 10, -1);
  const after = scrape(exposition);
  const name = 'weir_requests_total{route="none",upstream="none",outcome="no-route"}';
  expect([before, between, after].map((samples) => samples.get(name))).toEqual([1, 1, 2]);
  const gauges = ["weir_client_connections_open", 'weir_worker_up{seat="0",worker="0"}'];
  expect(gauges.map((gauge) => between.get(gauge))).toEqual([0, 0]);
  for (const [sample, value] of before) {
    if (/_total|_bucket|_count|_sum/.test(sample))
      expect([sample, after.get(sample)! >= value]).toEqual([sample, true]);
  }
});

test("histograms beyond the limit are added up as other, the busiest keep their own for good", () => {
  const directory = newDirectory(12);
  const series = Array.from({ length: 8 }, (_, index) => ({ route: `r${index}`, upstream: "core" }));
  const slots = directory.assignSlots(series);
  const { metrics } = worker(directory, 0);
  const record = (index: number, times: number): void => {
    const slot = slots[seriesKey(`r${index}`, "core")]!;
    for (let i = 0; i < times; i++) metrics.recordRequest(slot, Outcome.ok, 2, 100, 50);
  };
  for (let index = 0; index < 8; index++) record(index, index + 1);
  const exposition = new Exposition(directory, () => facts, new FakeClock(), [], 5 + 2);
  const counts = (): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const [sample, value] of scrape(exposition)) {
      const route = /^weir_request_seconds_count\{route="(\w+)"/.exec(sample)?.[1];
      if (route !== undefined) found[route] = value;
    }
    return found;
  };
  expect(counts()).toEqual({ other: 21, r6: 7, r7: 8 });
  record(0, 1000);
  expect(counts()).toEqual({ other: 1021, r6: 7, r7: 8 });
  expect(scrape(exposition).get('weir_requests_total{route="r0",upstream="core",outcome="ok"}')).toBe(1001);
});

test("series that appear while the supervisor runs are told, and other parts add metrics of their own", () => {
  const directory = newDirectory();
  const row: MetricRow = { name: "weir_breaker_state", kind: "gauge", labels: ["upstream"], help: "A state." };
  const source: MetricSource = { row, collect: (add) => add(['co"re'], 2) };
  const exposition = new Exposition(directory, () => facts, new FakeClock(), [source]);
  const { metrics } = worker(directory, 0);
  exposition.render("text");
  const slots = directory.assignSlots([{ route: "late", upstream: "new" }]);
  metrics.recordRequest(slots[seriesKey("late", "new")]!, Outcome.ok, 2, 1, 1);
  const text = new TextDecoder().decode(exposition.render("text"));
  const samples = parse(text, "text", [...allMetricRows, row]);
  expect(samples.get('weir_upstream_seconds_count{upstream="new"}')).toBe(1);
  expect(samples.get('weir_breaker_state{upstream="co\\"re"}')).toBe(2);
});

test("OpenMetrics is answered to who prefers it, text to everybody else", () => {
  const open = "application/openmetrics-text;version=1.0.0";
  const cases: [string | null, ExpositionFormat][] = [
    [null, "text"],
    ["", "text"],
    ["*/*", "text"],
    ["text/html,application/xhtml+xml", "text"],
    [open, "openmetrics"],
    [`${open};q=0.5,text/plain;version=0.0.4;q=0.4`, "openmetrics"],
    [`${open};q=0.3,text/plain;version=0.0.4;q=0.4`, "text"],
    ["application/openmetrics-text;version=2.0.0;q=0.9, text/plain;q=0.1", "text"],
    [`${open};q=0`, "text"],
    [`${open};q=x`, "text"],
  ];
  expect(cases.map(([accept]) => [accept, negotiateFormat(accept)])).toEqual(cases);
  expect(contentTypes.text).toContain("0.0.4");
});

/** A parser that accepts nothing but what the two formats allow, and checks histograms and declared rows. */
function parse(text: string, format: ExpositionFormat, rows: readonly MetricRow[]): Map<string, number> {
  const samples = new Map<string, number>();
  const declared = new Map(rows.map((row) => [row.name, row]));
  const seen = new Set<string>();
  const isOpen = format === "openmetrics";
  let row: MetricRow | undefined;
  let help = "";
  expect(text.endsWith(isOpen ? "\n# EOF\n" : "\n")).toBe(true);
  for (const line of text
    .slice(0, isOpen ? -"# EOF\n".length : undefined)
    .slice(0, -1)
    .split("\n")) {
    const comment = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment;
      if (kind === "HELP") {
        row = declared.get(name!) ?? declared.get(`${name}_total`);
        expect([line, row !== undefined, seen.has(name!)]).toEqual([line, true, false]);
        expect(isOpen && name!.endsWith("_total")).toBe(false);
        seen.add(name!);
        help = name!;
      } else expect([line, name]).toEqual([line, help]);
      if (kind === "TYPE") expect(rest as string).toBe(row!.kind);
      if (kind === "UNIT") expect([isOpen, name!.endsWith(`_${rest}`)]).toEqual([true, true]);
      continue;
    }
    const sample = /^([a-z][a-z0-9_]*)((?:\{.*\})?) (\+?[0-9.e+-]+|\+Inf|NaN)$/.exec(line);
    expect([line, sample !== null && row !== undefined]).toEqual([line, true]);
    const suffixes = row!.kind === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    expect(suffixes.map((suffix) => row!.name + suffix)).toContain(sample![1]!);
    const names = [...sample![2]!.matchAll(/[{,]([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?=[,}])/g)];
    expect(names.map((match) => match[0]).join("")).toBe(sample![2]!.slice(0, -1));
    expect(names.map((match) => match[1]!).filter((name) => name !== "le")).toEqual([...row!.labels]);
    expect([line, samples.has(`${sample![1]}${sample![2]}`)]).toEqual([line, false]);
    samples.set(`${sample![1]}${sample![2]}`, Number(sample![3]));
  }
  checkHistograms(samples);
  return samples;
}

function checkHistograms(samples: Map<string, number>): void {
  const last = new Map<string, { edge: number; count: number }>();
  for (const [sample, value] of samples) {
    const bucket = /^(\w+)_bucket\{(.*?),?le="([^"]+)"\}$/.exec(sample);
    if (bucket === null) continue;
    const series = `${bucket[1]}_count${bucket[2] === "" ? "" : `{${bucket[2]}}`}`;
    const edge = bucket[3] === "+Inf" ? Number.POSITIVE_INFINITY : Number(bucket[3]);
    const before = last.get(series) ?? { edge: 0, count: 0 };
    expect([sample, edge > before.edge, value >= before.count]).toEqual([sample, true, true]);
    last.set(series, { edge, count: value });
  }
  for (const [series, { edge, count }] of last) {
    expect([series, edge, count]).toEqual([series, Number.POSITIVE_INFINITY, samples.get(series)!]);
  }
}

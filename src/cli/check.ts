/** What `weir check` does: loads, reports, and says what the configuration can use at most. */
import { defineMessages, ExitCode, readSecret, say, WeirError } from "../base/mod.ts";
import {
  type Config,
  defaultConfig,
  defaultFileName,
  formatAddress,
  type LoadResult,
  loadConfig,
  problemsAsJson,
  renderProblems,
  resourcePlan,
  terminalColours,
} from "../config/mod.ts";
import { openSslEngine } from "../transport/mod.ts";

const messages = defineMessages({
  right: { en: "{file} is right", zh: "{file} 配置正确" },
  wrong: { en: "{count} problem(s) in {file}", zh: "{file} 中有 {count} 个问题" },
  listener: { en: "listener  {name} on {address}", zh: "监听  {name}：{address}" },
  upstream: {
    en: "upstream  {name}: {endpoints}, {mode}, {balance}",
    zh: "上游  {name}：{endpoints}，{mode}，{balance}",
  },
  routes: { en: "routes    {count}", zh: "路由  {count} 条" },
  metrics: { en: "metrics   {address}", zh: "指标  {address}" },
  admin: { en: "admin     {address}", zh: "管理  {address}" },
  plan: {
    en: "at most   {workers} worker(s), each with {clients} client and {upstream} upstream connections ({descriptors} descriptors); about {idle} with every client idle",
    zh: "上限  {workers} 个工作进程，每个 {clients} 条客户端连接、{upstream} 条上游连接（{descriptors} 个描述符）；全部空闲时约 {idle}",
  },
  secret: { en: "note      {problem}", zh: "注意  {problem}" },
  bunInstead: {
    en: "{reason}, so TLS is the runtime's own: sessions resume on the same worker only. {hint}",
    zh: "{reason}，因此使用运行时自带的 TLS：会话只能在同一工作进程恢复。{hint}",
  },
  off: { en: "off", zh: "关闭" },
});

interface CheckOptions {
  readonly json: boolean;
  readonly print: boolean;
}

/** @param file null for the built-in configuration */
export function check(file: string | null, options: CheckOptions): ExitCode {
  const name = file ?? defaultFileName;
  const result: LoadResult = file === null ? { config: defaultConfig() } : loadConfig(file);
  if ("problems" in result) {
    if (options.json || options.print) print({ file: name, ok: false, problems: problemsAsJson(result.problems) });
    else {
      const colours = process.stderr.isTTY ? terminalColours : undefined;
      console.error(renderProblems(result.problems, colours));
      console.error(`\n${say(messages.wrong, { file: name, count: result.problems.length })}`);
    }
    return ExitCode.wrongUse;
  }
  const { config } = result;
  if (options.print) print(config);
  else if (options.json)
    print({ file: name, ok: true, problems: [], notes: notesOf(config), plan: resourcePlan(config) });
  else for (const line of summary(name, config)) console.log(line);
  return ExitCode.passed;
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** What is right by itself but cannot be used here and now. */
function notesOf(config: Config): string[] {
  return [...tokenNotes(config), ...engineNotes(config)];
}

/** Whether the TLS library that is asked for can be had. */
function engineNotes(config: Config): string[] {
  const engines = new Set(config.listeners.flatMap(({ tls }) => (tls === null ? [] : [tls.engine])));
  if (!engines.has("openssl") && !engines.has("auto")) return [];
  try {
    openSslEngine();
    return [];
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    const { message: reason, hint } = error;
    return engines.has("openssl") ? [`${reason}: ${hint}`] : [say(messages.bunInstead, { reason, hint })];
  }
}

function tokenNotes(config: Config): string[] {
  const token = config.admin?.token ?? null;
  if (token === null) return [];
  try {
    readSecret(token);
    return [];
  } catch (error) {
    if (error instanceof WeirError) return [error.message];
    throw error;
  }
}

const shownMax = 20;

function summary(file: string, config: Config): string[] {
  const plan = resourcePlan(config);
  const address = (value: { address: Parameters<typeof formatAddress>[0] } | null): string =>
    value === null ? say(messages.off) : formatAddress(value.address);
  return [
    say(messages.right, { file }),
    ...config.listeners
      .slice(0, shownMax)
      .map((listener) => say(messages.listener, { name: listener.name, address: address(listener) })),
    ...config.upstreams.slice(0, shownMax).map(({ name, endpoints, balance, connections }) => {
      const shown = endpoints.slice(0, 4).map((endpoint) => formatAddress(endpoint.address));
      const more = endpoints.length > 4 ? [`+${endpoints.length - 4}`] : [];
      return say(messages.upstream, {
        name,
        endpoints: [...shown, ...more].join(" "),
        mode: connections.mode,
        balance,
      });
    }),
    say(messages.routes, { count: config.routes.length }),
    say(messages.metrics, { address: address(config.metrics) }),
    say(messages.admin, { address: address(config.admin) }),
    say(messages.plan, {
      workers: plan.workers,
      clients: plan.clientConnectionsPerWorker,
      upstream: plan.upstreamConnectionsPerWorker,
      descriptors: plan.descriptorsPerWorker,
      idle: `${Math.round(plan.idleBytes / 1e6)} MB`,
    }),
    ...notesOf(config).map((problem) => say(messages.secret, { problem })),
  ].map((line, index) => (index === 0 ? line : `  ${line}`));
}

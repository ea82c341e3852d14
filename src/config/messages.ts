/** What the configuration says to people, in English and Chinese. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  missing: { en: "{key} is required: {expected}", zh: "{key} 为必填项：{expected}" },
  wrongType: { en: "expected {expected}, found {found}", zh: "应为{expected}，实际为 {found}" },
  unknownKey: { en: 'there is no setting "{key}" here', zh: "此处没有设置项“{key}”" },
  didYouMean: { en: 'did you mean "{guess}"?', zh: "是否想写“{guess}”？" },
  knownKeys: { en: "known here: {keys}", zh: "此处可用：{keys}" },
  oneOf: { en: "expected one of {choices}, found {found}", zh: "应为 {choices} 之一，实际为 {found}" },
  durationUnit: { en: "a duration needs a unit: {found}", zh: "时长必须带单位：{found}" },
  durationHint: {
    en: 'write "{guess}" (units: us, ms, s, m, h, d)',
    zh: "请写成“{guess}”（单位：us、ms、s、m、h、d）",
  },
  durationWrong: { en: "{found} is not a duration", zh: "{found} 不是有效时长" },
  durationExample: {
    en: 'a duration is a number and a unit, as in "250ms", "30s" or "10m"',
    zh: "时长由数字和单位组成，例如“250ms”“30s”“10m”",
  },
  sizeUnit: { en: "a size needs a unit: {found}", zh: "大小必须带单位：{found}" },
  sizeHint: {
    en: 'write "{guess}" (units: B, KiB, MiB, GiB, KB, MB, GB)',
    zh: "请写成“{guess}”（单位：B、KiB、MiB、GiB、KB、MB、GB）",
  },
  sizeWrong: { en: "{found} is not a size", zh: "{found} 不是有效大小" },
  sizeExample: {
    en: 'a size is a number and a unit, as in "64KiB" or "8MB"',
    zh: "大小由数字和单位组成，例如“64KiB”“8MB”",
  },
  timeOfDayWrong: { en: "{found} is not a time of day", zh: "{found} 不是有效时刻" },
  timeOfDayHint: { en: 'write "09:15", in quotes', zh: "请写成“09:15”，并加引号" },
  timeZoneWrong: { en: "there is no time zone {found}", zh: "没有时区 {found}" },
  timeZoneHint: { en: 'names are as in "Asia/Shanghai" or "UTC"', zh: "名称形如“Asia/Shanghai”“UTC”" },
  range: { en: "{found} is out of range", zh: "{found} 超出范围" },
  rangeHint: { en: "allowed: {min} to {max}", zh: "允许范围：{min} 到 {max}" },
  rangeOffHint: { en: "allowed: {min} to {max}, or off", zh: "允许范围：{min} 到 {max}，或 off" },
  addressWrong: { en: "{found} is not an address", zh: "{found} 不是有效地址" },
  addressHint: {
    en: 'write "127.0.0.1:8080", "[::1]:8080" or "unix:/run/weir.sock"',
    zh: "请写成“127.0.0.1:8080”“[::1]:8080”或“unix:/run/weir.sock”",
  },
  upstreamAddressHint: {
    en: 'write "127.0.0.1:9000", "[::1]:9000", "core.example:9000" or "unix:/run/core.sock"',
    zh: "请写成“127.0.0.1:9000”“[::1]:9000”“core.example:9000”或“unix:/run/core.sock”",
  },
  addressName: {
    en: "a listener needs an IP address, not the name {found}",
    zh: "监听地址必须是 IP 地址，不能是名称 {found}",
  },
  addressPort: { en: "an upstream's port cannot be 0", zh: "上游端口不能为 0" },
  networkWrong: { en: "{found} is not a network", zh: "{found} 不是有效网段" },
  networkHint: {
    en: 'write "10.0.0.0/8", "2001:db8::/32", one address, or "unix"; bits after the prefix must be zero',
    zh: "请写成“10.0.0.0/8”“2001:db8::/32”、单个地址或“unix”；前缀之后的位必须为零",
  },
  nameWrong: { en: "{found} is not a usable name", zh: "{found} 不是可用的名称" },
  nameHint: {
    en: "a name has 1 to 64 letters, digits, '-', '_' or '.', and begins with a letter or digit",
    zh: "名称由 1 到 64 个字母、数字、“-”“_”“.”组成，并以字母或数字开头",
  },
  pathWrong: { en: "{found} is not a path pattern: {reason}", zh: "{found} 不是有效的路径模式：{reason}" },
  pathHint: {
    en: 'write "/a/b" (exact), "/a/*" (everything below) or "/orders/:id" (one segment)',
    zh: "请写成“/a/b”（精确）、“/a/*”（其下全部）或“/orders/:id”（一个路径段）",
  },
  hostWrong: { en: "{found} is not a host pattern", zh: "{found} 不是有效的主机模式" },
  hostHint: {
    en: 'write "api.example.com" or "*.example.com", without a port or scheme',
    zh: "请写成“api.example.com”或“*.example.com”，不带端口和协议",
  },
  serverNameWrong: { en: "{found} is not a server name", zh: "{found} 不是有效的服务器名称" },
  serverNameHint: {
    en: 'write "api.example.com" or "*.example.com", without a port or scheme',
    zh: "请写成“api.example.com”或“*.example.com”，不带端口和协议",
  },
  methodWrong: { en: "{found} is not a method", zh: "{found} 不是有效的方法" },
  methodHint: { en: "methods are written in capitals: {guess}", zh: "方法使用大写：{guess}" },
  fieldNameWrong: { en: "{found} is not a field name", zh: "{found} 不是有效的字段名" },
  fieldNameHint: {
    en: "a field name is a token (RFC 9110 section 5.1)",
    zh: "字段名必须是 token（RFC 9110 第 5.1 节）",
  },
  fieldReserved: {
    en: "{found} belongs to the gateway and cannot be changed here",
    zh: "{found} 由网关管理，此处不可更改",
  },
  fieldReservedHint: {
    en: "framing, connection and hop-by-hop fields are written by the gateway; the Host field is set with the upstream's hostHeader",
    zh: "分帧、连接与逐跳字段由网关写入；Host 字段由上游的 hostHeader 设置",
  },
  fieldValueWrong: { en: "the value holds a byte that no field value may hold", zh: "该值包含字段值中不允许的字节" },
  fieldValueHint: {
    en: "use visible ASCII, spaces and tabs, with no space at either end",
    zh: "请使用可见 ASCII、空格与制表符，两端不能有空格",
  },
  secretWrong: { en: "a secret is never written here", zh: "机密不得直接写在此处" },
  secretHint: {
    en: "write { env: NAME } or { file: /path }, so that the configuration can be shown and committed",
    zh: "请写成 { env: 名称 } 或 { file: /路径 }，以便配置可以公开与提交",
  },
  locationWrong: { en: "{found} is not a place to redirect to", zh: "{found} 不是有效的重定向目标" },
  locationHint: {
    en: 'write "https://host/path" or "/path"; {path} may follow, never lead',
    zh: "请写成“https://主机/路径”或“/路径”；{path} 只能跟在其后，不能在最前",
  },
  exactlyOneAction: {
    en: "a route has one action, not several: {found}",
    zh: "每条路由只能有一个动作，不能有多个：{found}",
  },
  noAction: {
    en: "this route has no action: upstream, respond or redirect",
    zh: "此路由没有动作：需要 upstream、respond 或 redirect",
  },
  unknownUpstream: { en: 'there is no upstream "{name}"', zh: "没有名为“{name}”的上游" },
  unknownName: { en: 'there is no "{name}" in {kind}', zh: "{kind} 中没有“{name}”" },
  oneFallback: {
    en: "a fallback is one of respond, lastGood and upstream: {found}",
    zh: "回退方式只能是 respond、lastGood、upstream 之一：{found}",
  },
  fallbackLane: {
    en: "the lane {lane} may only fall back to another upstream: an order is never answered from a fallback body",
    zh: "通道 {lane} 只能回退到另一个上游：订单绝不能用回退内容应答",
  },
  knownUpstreams: { en: "upstreams: {names}", zh: "现有上游：{names}" },
  duplicateName: { en: 'the name "{name}" is used twice', zh: "名称“{name}”重复" },
  duplicateNameHint: {
    en: "first used on line {line}; names label metrics and logs, so each is used once",
    zh: "首次出现在第 {line} 行；名称用于指标与日志，必须唯一",
  },
  addressTaken: { en: "{address} is already used by {other}", zh: "{address} 已被 {other} 使用" },
  addressTakenHint: {
    en: "first used on line {line}; give each its own address or port",
    zh: "首次出现在第 {line} 行；请为每项指定不同的地址或端口",
  },
  duplicateEndpoint: { en: "the endpoint {address} is listed twice", zh: "端点 {address} 重复" },
  duplicateEndpointHint: { en: "give one endpoint a higher weight instead", zh: "请改为提高该端点的权重" },
  unreachableRoute: { en: "this route can never match", zh: "此路由永远不会匹配" },
  unreachableRouteHint: {
    en: "the route on line {line} has the same hosts and path and takes everything this one would",
    zh: "第 {line} 行的路由具有相同的主机与路径，并会接收此路由的所有请求",
  },
  rewritePrefix: {
    en: "the route's path {path} does not begin with the prefix {prefix}",
    zh: "路由路径 {path} 不以前缀 {prefix} 开头",
  },
  rewritePrefixHint: {
    en: "the prefix to replace must be a beginning, in whole segments, of every path the route matches",
    zh: "要替换的前缀必须是该路由所有匹配路径的开头（按完整路径段）",
  },
  tokenNeeded: { en: "an admin interface on TCP needs a token", zh: "TCP 管理接口必须设置令牌" },
  tokenNeededHint: {
    en: "add token: { env: WEIR_ADMIN_TOKEN }, or use a unix: address",
    zh: "请添加 token: { env: WEIR_ADMIN_TOKEN }，或使用 unix: 地址",
  },
  orderWrong: {
    en: "{first} ({firstValue}) is above {second} ({secondValue}), which it is a part of",
    zh: "{first}（{firstValue}）大于包含它的 {second}（{secondValue}）",
  },
  http2Table: {
    en: "table ({table}) is above a quarter of limits.headMax ({headMax})",
    zh: "table（{table}）大于 limits.headMax（{headMax}）的四分之一",
  },
  tooManyMethods: {
    en: "more than {max} methods beside those of RFC 9110 and PATCH",
    zh: "除 RFC 9110 与 PATCH 之外的方法超过 {max} 个",
  },
  hashOnMissing: { en: "balance: consistent-hash needs hashOn", zh: "balance: consistent-hash 需要 hashOn" },
  hashOnHint: {
    en: "write hashOn: client, hashOn: path or hashOn: { field: X-Account }",
    zh: "请写 hashOn: client、hashOn: path 或 hashOn: { field: X-Account }",
  },
  hashOnUnused: { en: "hashOn has no effect with balance: {balance}", zh: "balance: {balance} 时 hashOn 不起作用" },
  workersTaken: {
    en: "{own} workers belong to listeners of their own, so {workers} in all leave none for {others}",
    zh: "{own} 个工作进程已归各监听器专用，总数 {workers} 无法为 {others} 留出工作进程",
  },
  workersTooFew: {
    en: "listeners have {own} workers of their own, more than the {workers} there are in all",
    zh: "各监听器专用的工作进程共 {own} 个，超过总数 {workers}",
  },
  workersIdle: {
    en: "every listener has workers of its own, {own} together: the rest of {workers} would serve nobody",
    zh: "每个监听器都有专用工作进程（共 {own} 个），总数 {workers} 中其余的不会服务任何监听器",
  },
  workersHint: { en: "write {least}, or auto", zh: "请写 {least}，或 auto" },
  laneShutOut: {
    en: 'no listener lets the lane "{lane}" in, so this route could never be used',
    zh: "没有监听器允许通道“{lane}”进入，此路由永远不会被使用",
  },
  laneShutOutHint: {
    en: "name the lane in a listener's lanes, or leave them out there to let all in",
    zh: "请在某个监听器的 lanes 中写上该通道，或去掉 lanes 以允许全部",
  },
  noUpstreams: { en: "no upstream is defined", zh: "尚未定义上游" },
  duplicateKey: { en: 'the key "{key}" is used twice', zh: "键“{key}”重复" },
  duplicateKeyHint: { en: "keep one of them, or give this one another name", zh: "请保留其一，或改用其他名称" },
  yaml: { en: "the YAML is broken: {reason}", zh: "YAML 语法错误：{reason}" },
  yamlHint: { en: "correct the text here; nothing after it could be checked", zh: "请修正此处；其后的内容无法检查" },
  empty: { en: "the file holds no configuration", zh: "文件中没有配置" },
  emptyHint: {
    en: "begin with listeners, upstreams and routes; examples/minimal.yaml is the smallest that works",
    zh: "请从 listeners、upstreams、routes 开始；examples/minimal.yaml 是最小可用示例",
  },
  unreadable: { en: "cannot read {file}: {reason}", zh: "无法读取 {file}：{reason}" },
  unreadableHint: { en: "check the path and its permissions", zh: "请检查路径与权限" },
  tooLarge: { en: "{file} is over {max}", zh: "{file} 超过 {max}" },
  tooLargeHint: { en: "split what differs by service, or generate fewer routes", zh: "请按服务拆分，或减少生成的路由" },
  tooManyProblems: { en: "{count} more problems are not shown", zh: "另有 {count} 个问题未显示" },
});

/** What a message says was expected; the English words are those of the reference. */
const expectations: Readonly<Record<string, string>> = {
  "a list": "列表",
  "a map of settings": "设置项的映射",
  "off or settings": "off 或设置项",
  "a whole number": "整数",
  "another value": "其他值",
  "a file's path": "文件路径",
  "stdout or a file's path": "stdout 或文件路径",
  "an address or { address, weight }": "地址，或 { address, weight }",
  "an address as text": "文本形式的地址",
  "the field's value as text": "文本形式的字段值",
  "text of at most 65536 characters": "不超过 65536 个字符的文本",
  address: "地址",
  "address or host name with port": "地址，或带端口的主机名",
  network: "网段",
  name: "名称",
  "field name": "字段名",
  "path pattern": "路径模式",
  "host or *.suffix": "主机或 *.后缀",
  "URL or path": "URL 或路径",
  duration: "时长",
  "duration or off": "时长或 off",
  size: "大小",
  "size or off": "大小或 off",
  number: "数字",
  "number or off": "数字或 off",
  path: "路径",
  text: "文本",
};

/** The Chinese words for what a message expects; "… as text" and bounds are made from their parts. */
export function expectedInChinese(expected: string): string {
  const known = expectations[expected];
  if (known !== undefined) return known;
  if (expected.endsWith(" as text")) return `文本形式的${expectedInChinese(expected.slice(0, -8))}`;
  const range = /^a number from (\S+) to (\S+)$/.exec(expected);
  if (range !== null) return `${range[1]} 到 ${range[2]} 的数字`;
  const bound = /^at (least|most) (\d+) entries$/.exec(expected);
  return bound === null ? expected : `${bound[1] === "least" ? "至少" : "至多"} ${bound[2]} 项`;
}

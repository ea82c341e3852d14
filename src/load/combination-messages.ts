/** What is said of options that do not go together. */
import { defineMessages } from "../base/mod.ts";

export const combinationMessages = defineMessages({
  http2WebSocket: {
    en: "a WebSocket is opened over HTTP/1.1 here, not over HTTP/2",
    zh: "此处 WebSocket 通过 HTTP/1.1 建立，不支持通过 HTTP/2",
  },
  http2WebSocketHint: { en: "leave --http 2 out", zh: "请去掉 --http 2" },
  streamsWithoutHttp2: {
    en: "only HTTP/2 has several streams on a connection",
    zh: "只有 HTTP/2 的一个连接上可以有多个流",
  },
  streamsWithoutHttp2Hint: { en: "add --http 2, or use --connections", zh: "请加上 --http 2，或改用 --connections" },
  streamsWithoutReuse: {
    en: "one connection per request leaves no room for several streams",
    zh: "每个请求一个连接时，无法使用多个流",
  },
  streamsWithoutReuseHint: {
    en: "give --streams or --reuse none, not both",
    zh: "--streams 与 --reuse none 只能二选一",
  },
  connectionField: {
    en: "HTTP/2 has no Connection, Keep-Alive, Transfer-Encoding or Upgrade field",
    zh: "HTTP/2 没有 Connection、Keep-Alive、Transfer-Encoding、Upgrade 字段",
  },
  connectionFieldHint: { en: "leave the header out", zh: "请去掉该字段" },
  twoRates: {
    en: "a rate per connection stands beside another rate or shape",
    zh: "每连接速率不能与其他速率或负载形状同时给出",
  },
  twoRatesHint: {
    en: "give --rate or --rate-per-connection, not both",
    zh: "--rate 与 --rate-per-connection 只能二选一",
  },
  tlsWithoutSecure: {
    en: "TLS options are given and the target is not secure",
    zh: "给出了 TLS 选项，但目标不是安全地址",
  },
  tlsWithoutSecureHint: { en: "write the URL with https:// or wss://", zh: "请使用 https:// 或 wss:// 地址" },
  insecureAuthority: {
    en: "--insecure accepts any certificate, so an authority to trust has no meaning",
    zh: "--insecure 接受任何证书，指定信任的证书颁发机构没有意义",
  },
  insecureAuthorityHint: { en: "give --insecure or --cacert, not both", zh: "--insecure 与 --cacert 只能二选一" },
  keyWithoutCertificate: { en: "a key is given without its certificate", zh: "给出了私钥，但没有对应的证书" },
  keyWithoutCertificateHint: { en: "add --cert", zh: "请加上 --cert" },
  tlsTimer: {
    en: "TLS needs the sockets past the runtime, which --pacing timer does without",
    zh: "TLS 需要绕过运行时直接读写套接字，而 --pacing timer 不使用这种方式",
  },
  tlsTimerHint: { en: "use --pacing auto", zh: "请使用 --pacing auto" },
  messageSize: { en: "only a WebSocket has a message size", zh: "只有 WebSocket 才有消息大小" },
  messageSizeHint: {
    en: "write the URL with ws:// or wss://, or give --body",
    zh: "请使用 ws:// 或 wss:// 地址，或给出 --body",
  },
  messageAndBody: { en: "the body says how large a message is", zh: "消息大小已由消息内容决定" },
  messageAndBodyHint: { en: "give --body or --message-size, not both", zh: "--body 与 --message-size 只能二选一" },
  webSocketMethod: { en: "a WebSocket's messages have no method", zh: "WebSocket 消息没有方法" },
  webSocketMethodHint: { en: "leave the method out", zh: "请去掉请求方法" },
  webSocketChecks: { en: "a WebSocket's messages have no status and no fields", zh: "WebSocket 消息没有状态码和字段" },
  webSocketChecksHint: { en: "check the body: --expect-body", zh: "请检查消息内容：--expect-body" },
  webSocketPaths: {
    en: "the classes of a WebSocket scenario share their connections, so path and headers must be the same",
    zh: "WebSocket 场景的各类别共用连接，路径和字段必须相同",
  },
  webSocketPathsHint: {
    en: "run one scenario for each path; messages may differ by their bodies",
    zh: "每个路径使用一个场景；各类别的消息内容可以不同",
  },
  ceiling: {
    en: "the null server that --ceiling measures against speaks HTTP/1.1 without TLS",
    zh: "--ceiling 所用的空服务器只支持不带 TLS 的 HTTP/1.1",
  },
  ceilingHint: {
    en: "leave --ceiling out; the generator's processor share in the result tells how close it was to its limit",
    zh: "请去掉 --ceiling；结果中压测端的处理器占用可以说明离其极限有多近",
  },
});

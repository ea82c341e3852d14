/** What the TLS engines say to people. */
import { defineMessages } from "../../base/mod.ts";

export const tlsMessages = defineMessages({
  libraryMissing: {
    en: "OpenSSL's library {file} cannot be loaded",
    zh: "无法加载 OpenSSL 库 {file}",
  },
  libraryMissingHint: {
    en: "install it (apt-get install libssl3, or dnf install openssl-libs), or set the listener's tls.engine to bun",
    zh: "请安装（apt-get install libssl3 或 dnf install openssl-libs），或将监听器的 tls.engine 设为 bun",
  },
  libraryTooOld: {
    en: "OpenSSL {version} is too old: version 3.0 or later is needed",
    zh: "OpenSSL {version} 版本过旧：需要 3.0 或更高版本",
  },
  libraryRefused: { en: "OpenSSL refused: {reason}", zh: "OpenSSL 拒绝：{reason}" },
  libraryRefusedHint: {
    en: "check the certificate, key and settings of this listener or upstream with weir check",
    zh: "请用 weir check 检查该监听器或上游的证书、私钥和设置",
  },
  selfCheckFailed: {
    en: "the TLS engine {engine} failed its self-check: {reason}",
    zh: "TLS 引擎 {engine} 自检失败：{reason}",
  },
  selfCheckHint: {
    en: "the library {version} does not behave as expected; set tls.engine to bun, and report this version",
    zh: "库 {version} 的行为与预期不符；请将 tls.engine 设为 bun，并报告该版本",
  },
  fileMissing: { en: "{what}: {file} does not exist", zh: "{what}：{file} 不存在" },
  fileMissingHint: { en: "create it or correct the path", zh: "请创建该文件或更正路径" },
  fileUnreadable: { en: "{what}: {file} cannot be read ({reason})", zh: "{what}：无法读取 {file}（{reason}）" },
  fileUnreadableHint: {
    en: "give the user that runs Weir permission to read it",
    zh: "请为运行 Weir 的用户授予读取权限",
  },
  notCertificate: {
    en: "{what}: {file} holds no PEM certificate",
    zh: "{what}：{file} 中没有 PEM 证书",
  },
  notCertificateHint: {
    en: "the file must hold blocks that begin with -----BEGIN CERTIFICATE-----, the server's own first",
    zh: "文件须包含以 -----BEGIN CERTIFICATE----- 开头的内容块，服务器证书在最前",
  },
  keyEncrypted: { en: "{what}: the key {file} is encrypted", zh: "{what}：私钥 {file} 已加密" },
  keyEncryptedHint: {
    en: "Weir starts unattended, so the key must be in the clear: openssl pkey -in {file} -out plain.pem, readable by Weir's user only",
    zh: "Weir 无人值守启动，私钥须为明文：openssl pkey -in {file} -out plain.pem，且仅 Weir 用户可读",
  },
  notKey: { en: "{what}: {file} holds no private key that can be read", zh: "{what}：{file} 中没有可读取的私钥" },
  notKeyHint: {
    en: "the file must hold one PEM block that begins with -----BEGIN PRIVATE KEY----- (or EC, RSA)",
    zh: "文件须包含一个以 -----BEGIN PRIVATE KEY-----（或 EC、RSA）开头的 PEM 块",
  },
  keyMismatch: {
    en: "{what}: the key {key} does not belong to the certificate {file}",
    zh: "{what}：私钥 {key} 与证书 {file} 不匹配",
  },
  keyMismatchHint: {
    en: "if the certificate file holds a chain, the server's own certificate must be the first",
    zh: "如果证书文件是证书链，服务器自身证书须放在最前",
  },
  expired: { en: "{what}: {file} expired on {date}", zh: "{what}：{file} 已于 {date} 过期" },
  expiredHint: { en: "renew it; Weir takes a new file by weir reload", zh: "请续签；weir reload 会加载新文件" },
  notYetValid: { en: "{what}: {file} is valid only from {date}", zh: "{what}：{file} 从 {date} 起才有效" },
  notYetValidHint: { en: "check the clock of this machine", zh: "请检查本机时钟" },
  expiresSoon: { en: "{what}: {file} expires on {date}", zh: "{what}：{file} 将于 {date} 过期" },
  wrongName: {
    en: "{what}: {file} is not valid for the name {name}; it has {names}",
    zh: "{what}：{file} 对名称 {name} 无效；其名称为 {names}",
  },
  wrongNameHint: {
    en: "correct names, or get a certificate that has this name",
    zh: "请更正 names，或申请包含该名称的证书",
  },
  ocspWrong: { en: "{what}: {file} is not an OCSP answer in DER", zh: "{what}：{file} 不是 DER 格式的 OCSP 响应" },
  ocspWrongHint: {
    en: "write one with: openssl ocsp -issuer issuer.pem -cert server.pem -url URL -respout {file}",
    zh: "可用以下命令生成：openssl ocsp -issuer issuer.pem -cert server.pem -url URL -respout {file}",
  },
});

/** What is said about certificates and keys in files. `{what}` is the place in the configuration. */
import { defineMessages } from "../base/mod.ts";

export const tlsFileMessages = defineMessages({
  engineCannot: {
    en: "the TLS engine bun has no {setting}",
    zh: "TLS 引擎 bun 不支持 {setting}",
  },
  engineCannotHint: {
    en: "use the engine openssl, or leave {setting} out",
    zh: "请使用引擎 openssl，或去掉 {setting}",
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
  authorityHint: {
    en: "the file must hold the authorities' certificates as PEM blocks",
    zh: "文件须以 PEM 块形式包含颁发机构的证书",
  },
});

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
  engineCannot: {
    en: "listener {listener}: the TLS engine bun has no {setting}",
    zh: "监听器 {listener}：TLS 引擎 bun 不支持 {setting}",
  },
  engineCannotHint: {
    en: "install OpenSSL 3 (apt-get install libssl3), or leave the setting out",
    zh: "请安装 OpenSSL 3（apt-get install libssl3），或去掉该设置",
  },
  selfCheckFailed: {
    en: "the TLS engine {engine} failed its self-check: {reason}",
    zh: "TLS 引擎 {engine} 自检失败：{reason}",
  },
  selfCheckHint: {
    en: "the library {version} does not behave as expected; set tls.engine to bun, and report this version",
    zh: "库 {version} 的行为与预期不符；请将 tls.engine 设为 bun，并报告该版本",
  },
});

/** Any gateway by its URL: what can be measured from outside is, and nothing else is assumed. */
import { readFileSync } from "node:fs";
import { defineMessages, say, WeirError } from "../../base/mod.ts";
import { parseTarget } from "../../load/mod.ts";
import { allowedCores, coresBeside } from "../machine/mod.ts";
import type { Target, TargetTls } from "./target.ts";

export interface UnknownOptions {
  readonly url: string;
  /** Processes of the gateway on this machine, for their processor time and memory. */
  readonly processIds?: readonly number[];
  readonly tls?: TargetTls;
}

const messages = defineMessages({
  silent: { en: "{url} does not answer", zh: "{url} 没有应答" },
  silentHint: { en: "start it, or correct the URL", zh: "请启动它，或更正 URL" },
  untrusted: { en: "the certificate of {url} is not accepted: {reason}", zh: "{url} 的证书未被接受：{reason}" },
  untrustedHint: {
    en: "give its authority with --cacert FILE, or accept any certificate with --insecure",
    zh: "请用 --cacert FILE 指定证书颁发机构，或用 --insecure 接受任何证书",
  },
  noFile: { en: "--cacert: {file} cannot be read", zh: "--cacert：{file} 无法读取" },
  noFileHint: { en: "it takes a file of certificates in PEM form", zh: "需要 PEM 格式的证书文件" },
});

const trusting: TargetTls = { verifies: true, authorityFile: null };

export async function useUnknown({ url, processIds = [], tls = trusting }: UnknownOptions): Promise<Target> {
  const { target, path } = parseTarget(url);
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const base = `${target.isSecure ? "https" : "http"}://${host}:${target.port}`;
  await knock(base, path, tls);
  return {
    kind: "unknown",
    name: base,
    url: base,
    path,
    tls,
    isLocal: target.host === "localhost" || target.host === "::1" || target.host.startsWith("127."),
    upstreamIds: [],
    clientCores: coresBeside(allowedCores(), processIds),
    workerIds: async () => processIds,
    metrics: async () => null,
    stop: async () => {},
  };
}

/** Asks once, so that what is wrong with an address or a certificate is told before anything is measured. */
async function knock(base: string, path: string, { verifies, authorityFile }: TargetTls): Promise<void> {
  const authority = authorityFile === null ? {} : { ca: readAuthority(authorityFile) };
  const tls = { rejectUnauthorized: verifies, ...authority };
  try {
    await fetch(base + path, { signal: AbortSignal.timeout(5000), redirect: "manual", tls });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const isUntrusted = /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code);
    const values = {
      url: base,
      reason: code
        .replace(/^ERR_TLS_/, "")
        .toLowerCase()
        .replaceAll("_", " "),
    };
    throw new WeirError("prove.target", say(isUntrusted ? messages.untrusted : messages.silent, values), {
      hint: say(isUntrusted ? messages.untrustedHint : messages.silentHint),
      cause: error,
      exitCode: 4,
    });
  }
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new WeirError("prove.target", say(messages.noFile, { file }), { hint: say(messages.noFileHint), cause });
  }
}

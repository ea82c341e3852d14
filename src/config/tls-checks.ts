/** Looks into the files that TLS sections name, so that `weir check` and a reload report them with their place. */
import type { Path, Places, Problem } from "./places.ts";
import type { Parsed, ParsedListener, ParsedUpstream } from "./schema.ts";
import { tlsFileMessages as messages } from "./tls-file-messages.ts";
import { type FileResult, readAuthorities, readCertificate } from "./tls-files.ts";

/** Everything wrong with the files that a configuration names. */
export function tlsFileProblems(parsed: Parsed, places: Places): Problem[] {
  return [
    ...parsed.listeners.flatMap((listener) => listenerProblems(listener, places)),
    ...parsed.upstreams.flatMap((upstream) => upstreamProblems(upstream, places)),
  ];
}

function listenerProblems(listener: ParsedListener, places: Places): Problem[] {
  const { name, tls } = listener;
  if (tls === null) return [];
  const path = ["listeners", name, "tls"];
  const problems = tls.engine === "bun" ? bunProblems(listener, tls, places) : [];
  problems.push(...certificateProblems(tls, path, places));
  return problems;
}

/** What the runtime's own TLS cannot do. */
function bunProblems({ name, proxyProtocol }: ParsedListener, tls: ListenerTls, places: Places): Problem[] {
  const path = ["listeners", name];
  const asked: [boolean, Path, string][] = [
    [tls.certificates.length > 1, [...path, "tls", "certificates"], "certificates"],
    [tls.certificates.some(({ ocsp }) => ocsp !== null), [...path, "tls", "certificates"], "ocsp"],
    [tls.requireKnownName, [...path, "tls", "requireKnownName"], "requireKnownName"],
    [proxyProtocol !== null, [...path, "proxyProtocol"], "proxyProtocol"],
  ];
  return asked.flatMap(([isAsked, at, setting]) =>
    isAsked
      ? [places.problemAt(at, "tls.engine-cannot", messages.engineCannot, messages.engineCannotHint, { setting })]
      : [],
  );
}

type ListenerTls = NonNullable<ParsedListener["tls"]>;

function certificateProblems(tls: ListenerTls, path: Path, places: Places): Problem[] {
  const problems = tls.certificates.flatMap((files, index) => {
    const at = [...path, "certificates", index];
    return placed(readCertificate(files, whatOf(at)), at, places);
  });
  if (tls.clientCertificates !== null) {
    const at = [...path, "clientCertificates"];
    problems.push(...placed(readAuthorities(tls.clientCertificates.authorities, whatOf(at)), at, places));
  }
  return problems;
}

function upstreamProblems({ name, tls }: ParsedUpstream, places: Places): Problem[] {
  if (tls === null) return [];
  const at = ["upstreams", name, "tls"];
  const problems = tls.authorities === null ? [] : placed(readAuthorities(tls.authorities, whatOf(at)), at, places);
  if (tls.clientCertificate !== null) {
    const own = [...at, "clientCertificate"];
    problems.push(...placed(readCertificate(tls.clientCertificate, whatOf(own)), own, places));
  }
  return problems;
}

function placed(result: FileResult<unknown>, at: Path, places: Places): Problem[] {
  if ("value" in result) return [];
  return result.problems.map(({ key, code, message, hint, values }) =>
    places.problemAt([...at, key], code, message, hint, values),
  );
}

function whatOf(path: Path): string {
  return path.join(".");
}

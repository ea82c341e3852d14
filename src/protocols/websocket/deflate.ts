/**
 * permessage-deflate as it is negotiated (RFC 7692 §5 and §7.1), and the grammar of Sec-WebSocket-Extensions (RFC 6455 §9.1).
 *
 * The gateway compresses nothing: client and upstream agree with each other, and it needs to know whether they did, to allow
 * the RSV1 bit. A handshake is rare, so this is plain code over strings.
 */

export interface Extension {
  readonly name: string;
  /** Parameters in their order; true where one has no value. */
  readonly parameters: readonly (readonly [name: string, value: string | true])[];
}

export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  /** 8 to 15; undefined where it was not named, `true` where it was without a value (in an offer only). */
  readonly serverMaxWindowBits: number | undefined;
  readonly clientMaxWindowBits: number | true | undefined;
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const extensionPattern = new RegExp(`^[ \\t]*(${token})[ \\t]*`);
const parameterPattern = new RegExp(`^;[ \\t]*(${token})[ \\t]*(?:=[ \\t]*(?:(${token})|"(${token})")[ \\t]*)?`);

/** Reads a Sec-WebSocket-Extensions value; undefined when it breaks the grammar. */
export function parseExtensions(value: string): readonly Extension[] | undefined {
  const extensions: Extension[] = [];
  let rest = value;
  for (;;) {
    const found = extensionPattern.exec(rest);
    if (found === null) return undefined;
    rest = rest.slice(found[0].length);
    const parameters: (readonly [string, string | true])[] = [];
    for (let next = parameterPattern.exec(rest); next !== null; next = parameterPattern.exec(rest)) {
      parameters.push([next[1]!.toLowerCase(), next[2] ?? next[3] ?? true]);
      rest = rest.slice(next[0].length);
    }
    extensions.push({ name: found[1]!.toLowerCase(), parameters });
    if (rest === "") return extensions;
    if (rest[0] !== ",") return undefined;
    rest = rest.slice(1);
  }
}

/** The parameters of a permessage-deflate element; undefined when they break RFC 7692 §7.1. */
export function deflateParameters(extension: Extension, isOffer: boolean): DeflateParameters | undefined {
  const seen = new Map<string, string | true>();
  for (const [name, value] of extension.parameters) {
    if (seen.has(name)) return undefined;
    seen.set(name, value);
  }
  const flag = (name: string): boolean | undefined => {
    const value = seen.get(name);
    seen.delete(name);
    return value === undefined ? false : value === true ? true : undefined;
  };
  const bits = (name: string): number | true | undefined | null => {
    const value = seen.get(name);
    seen.delete(name);
    if (value === undefined || value === true) return value;
    return /^([89]|1[0-5])$/.test(value) ? Number(value) : null;
  };
  const serverNoContextTakeover = flag("server_no_context_takeover");
  const clientNoContextTakeover = flag("client_no_context_takeover");
  const serverMaxWindowBits = bits("server_max_window_bits");
  const clientMaxWindowBits = bits("client_max_window_bits");
  if (seen.size > 0 || serverNoContextTakeover === undefined || clientNoContextTakeover === undefined) return undefined;
  if (serverMaxWindowBits === null || serverMaxWindowBits === true || clientMaxWindowBits === null) return undefined;
  if (clientMaxWindowBits === true && !isOffer) return undefined;
  return { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits };
}

export const deflateName = "permessage-deflate";

/**
 * What a server's answer has agreed on, given what the client offered: whether permessage-deflate is on, or undefined when the
 * answer is one a client must fail the connection for (RFC 6455 §4.1, RFC 7692 §5.1): an extension that was not offered,
 * twice the same, or parameters that do not answer an offer.
 */
export function agreedDeflate(offered: string | undefined, answered: string | undefined): boolean | undefined {
  if (answered === undefined) return false;
  const answer = parseExtensions(answered);
  const offers = offered === undefined ? [] : parseExtensions(offered);
  if (answer === undefined || offers === undefined) return undefined;
  let isDeflate = false;
  for (const extension of answer) {
    if (!offers.some(({ name }) => name === extension.name)) return undefined;
    if (extension.name !== deflateName) continue;
    const parameters = deflateParameters(extension, false);
    if (isDeflate || parameters === undefined) return undefined;
    isDeflate = offers.some((offer) => offer.name === deflateName && isAnswerTo(offer, parameters));
    if (!isDeflate) return undefined;
  }
  return isDeflate;
}

function isAnswerTo(offer: Extension, answer: DeflateParameters): boolean {
  const offered = deflateParameters(offer, true);
  if (offered === undefined) return false;
  if (offered.serverNoContextTakeover && !answer.serverNoContextTakeover) return false;
  if (answer.clientMaxWindowBits !== undefined && offered.clientMaxWindowBits === undefined) return false;
  if (offered.serverMaxWindowBits === undefined) return true;
  return (answer.serverMaxWindowBits ?? 16) <= offered.serverMaxWindowBits;
}

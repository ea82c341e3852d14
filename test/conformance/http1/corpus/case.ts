/**
 * What a case of the corpus is. A request case gives the bytes a client sends on one connection and everything that must follow:
 * the answers, whether the gateway ends the connection, and the requests an upstream may see, to the byte.
 */

/** A request as the upstream gets it, without what the gateway itself adds. */
export interface Seen {
  /** Method and target; the version is always HTTP/1.1. */
  readonly line: string;
  readonly host: string;
  /** The client's fields that are passed on, in their order. */
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly trailers?: readonly string[];
}

export interface RequestCase {
  readonly name: string;
  /** Where the rule is: "9112 3.2" is section 3.2 of RFC 9112. */
  readonly section: string;
  /** One character a byte. */
  readonly bytes: string;
  /** Statuses of the final answers, in order. */
  readonly statuses: readonly number[];
  /** Whether the gateway ends the connection after the last of them. */
  readonly closes: boolean;
  readonly upstream: readonly Seen[];
  /**
   * The fault lies in a body, so that its request may have begun to reach the upstream when it is found; it must never be
   * completed.
   */
  readonly mayBegin?: true;
}

/** What every request of the corpus that is passed on gets from the upstream. */
export const PASSED = 200;

/** A second request an attacker hopes to have taken for a new one. No upstream may ever see it. */
export const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/** A head out of its lines. */
export const lines = (...all: readonly string[]): string => `${all.join("\r\n")}\r\n\r\n`;

/** `GET /` with a good Host and further lines. */
export const get = (...fields: readonly string[]): string => lines("GET / HTTP/1.1", "Host: a", ...fields);

/** `POST /` with a good Host, further lines, and a body. */
export const post = (fields: readonly string[], body: string): string =>
  lines("POST / HTTP/1.1", "Host: a", ...fields) + body;

/** A message the gateway answers by itself with an error and after which it ends the connection, whatever follows. */
export function refused(name: string, section: string, bytes: string, status = 400): RequestCase {
  return { name, section, bytes: bytes + SMUGGLED, statuses: [status], closes: true, upstream: [] };
}

/** A message whose body breaks the grammar; the connection ends and what follows is never read as a request. */
export function refusedBody(name: string, section: string, bytes: string, status = 400): RequestCase {
  return { ...refused(name, section, bytes, status), mayBegin: true };
}

/** A message that is passed on, on a connection that lives on. */
export function passed(name: string, section: string, bytes: string, ...upstream: readonly Seen[]): RequestCase {
  return { name, section, bytes, statuses: upstream.map(() => PASSED), closes: false, upstream };
}

/** A message that is passed on as the last of its connection. */
export function passedLast(name: string, section: string, bytes: string, ...upstream: readonly Seen[]): RequestCase {
  return { ...passed(name, section, bytes, ...upstream), closes: true };
}

/** What the upstream sees of `get()` with fields that are passed on. */
export const seenGet = (...fields: readonly string[]): Seen => ({ line: "GET /", host: "a", fields });

/** What the upstream sees of `post()` with a body. */
export const seenPost = (body: string, ...fields: readonly string[]): Seen => ({
  line: "POST /",
  host: "a",
  fields,
  body,
});

/** A byte as a name tells it. */
export const byteName = (byte: number): string => `0x${byte.toString(16).padStart(2, "0")}`;

/** An answer of an upstream and what the client must get of it. */
export interface AnswerCase {
  readonly name: string;
  readonly section: string;
  /** What the client asks with; GET unless it says otherwise. */
  readonly method?: "GET" | "HEAD" | "OPTIONS" | "POST";
  /** The client's version; 1.1 unless it says otherwise. */
  readonly isOldClient?: true;
  /** What the upstream sends on its connection, all at once. */
  readonly answer: string;
  /** Whether the upstream ends its connection behind it. */
  readonly upstreamCloses?: true;
  /** Statuses the client gets, interim answers among them. An empty list: the connection is cut before any. */
  readonly statuses: readonly number[];
  readonly body?: string;
  readonly trailers?: readonly string[];
  /** Lines that must be among the answer's, names in lower case. */
  readonly fields?: readonly string[];
  /** Names that must not be among the answer's fields, in lower case. */
  readonly without?: readonly string[];
  /** The fault is in the body: the client must get 502 or an answer that is cut, and never one that looks whole. */
  readonly isCut?: true;
  /** Whether the upstream's connection may carry another request. */
  readonly keepsUpstream: boolean;
}

/** Methods, targets and versions: RFC 9112 sections 2 and 3, RFC 3986 section 3. */
import { byteName, get, lines, PASSED, passed, passedLast, type RequestCase, refused, type Seen } from "./case.ts";

const request = (line: string): string => lines(line, "Host: a");
const seen = (line: string): Seen => ({ line, host: "a", fields: [] });
const pass = (name: string, section: string, line: string, forwarded = line): RequestCase =>
  passed(name, section, request(`${line} HTTP/1.1`), seen(forwarded));

const methods: readonly RequestCase[] = [
  pass("GET", "9110 9.3.1", "GET /"),
  pass("HEAD", "9110 9.3.2", "HEAD /"),
  pass("DELETE without a body", "9110 9.3.5", "DELETE /a"),
  pass("PATCH without a body", "5789 2", "PATCH /a"),
  pass("OPTIONS of a resource", "9110 9.3.7", "OPTIONS /a"),
  pass("an unregistered method of token characters", "9110 9.1", "M-SEARCH /a"),
  pass("a method in small letters is another method and passed on as it is", "9110 9.1", "get /"),
  pass("a method of every kind of token character", "9110 5.6.2", "!#$%&'*+-.^_`|~09azAZ /"),
  pass("a method of 32 bytes", "9112 3", `${"M".repeat(32)} /`),
  refused("a method of 33 bytes", "9112 3", request(`${"M".repeat(33)} / HTTP/1.1`), 501),
  refused("a method of 20,000 bytes", "9112 3", request(`${"M".repeat(20_000)} / HTTP/1.1`), 501),
  refused("an empty method", "9112 3", request(" / HTTP/1.1")),
  refused("a method with a colon", "9112 3.1", request("GE:T / HTTP/1.1")),
  refused("a method in quotes", "9112 3.1", request('"GET" / HTTP/1.1')),
  refused("a method with a byte above ASCII", "9112 3.1", request("GET\xe9 / HTTP/1.1")),
  refused("a method with a NUL", "9112 3.1", request("GE\0T / HTTP/1.1")),
  refused("a method with a slash", "9112 3.1", request("GET/ / HTTP/1.1")),
  refused("CONNECT is not for a gateway", "9110 9.3.6", lines("CONNECT a:443 HTTP/1.1", "Host: a:443"), 501),
  refused("TRACE is not for a gateway", "9110 9.3.8", request("TRACE / HTTP/1.1"), 501),
];

const spaces: readonly RequestCase[] = [
  refused("two spaces behind the method", "9112 3", request("GET  / HTTP/1.1")),
  refused("a tab behind the method", "9112 3", request("GET\t/ HTTP/1.1")),
  refused("two spaces before the version", "9112 3", request("GET /  HTTP/1.1")),
  refused("a tab before the version", "9112 3", request("GET /\tHTTP/1.1")),
  refused("a space behind the version", "9112 3", request("GET / HTTP/1.1 ")),
  refused("a space within the target", "9112 3.2", request("GET /a b HTTP/1.1")),
  refused("a space before the method", "9112 2.2", request(" GET / HTTP/1.1")),
  refused("a vertical tab behind the method", "9112 3", request("GET\x0b/ HTTP/1.1")),
  refused("a form feed behind the target", "9112 3", request("GET /\x0cHTTP/1.1")),
  refused("the target is missing", "9112 3", request("GET HTTP/1.1")),
  refused("an empty target between two spaces", "9112 3", request("GET  HTTP/1.1")),
  refused("a line of the method alone", "9112 3", request("GET")),
  refused("a request of HTTP/0.9", "9112 3", "GET /\r\n\r\n"),
];

const lineEnds: readonly RequestCase[] = [
  passed("an empty line before the request is skipped", "9112 2.2", `\r\n${get()}`, seen("GET /")),
  passed("four empty lines before the request are skipped", "9112 2.2", `${"\r\n".repeat(4)}${get()}`, seen("GET /")),
  refused("five empty lines before the request", "9112 2.2", `${"\r\n".repeat(5)}${get()}`),
  refused("a bare LF before the request", "9112 2.2", `\n${get()}`),
  refused("a bare CR before the request", "9112 2.2", `\r${get()}`),
  refused("the request line ends with a bare LF", "9112 2.2", `GET / HTTP/1.1\nHost: a\r\n\r\n`),
  refused("the request line ends with a bare CR", "9112 2.2", `GET / HTTP/1.1\rHost: a\r\n\r\n`),
  refused("the request line ends with CR CR LF", "9112 2.2", `GET / HTTP/1.1\r\r\nHost: a\r\n\r\n`),
  refused("every line ends with a bare LF", "9112 2.2", `GET / HTTP/1.1\nHost: a\n\n`),
  refused("white space between the request line and the first field", "9112 2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
  refused("a space on a line of its own behind the request line", "9112 2.2", "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
];

const versions: readonly RequestCase[] = [
  passedLast("HTTP/1.0", "9112 2.5", request("GET / HTTP/1.0"), seen("GET /")),
  refused("HTTP/1.2", "9110 2.5", request("GET / HTTP/1.2"), 505),
  refused("HTTP/1.9", "9110 2.5", request("GET / HTTP/1.9"), 505),
  refused("HTTP/2.0", "9110 15.6.6", request("GET / HTTP/2.0"), 505),
  refused("HTTP/3.0", "9110 15.6.6", request("GET / HTTP/3.0"), 505),
  refused("HTTP/0.9 with a version", "9110 15.6.6", request("GET / HTTP/0.9"), 505),
  refused("a version in small letters", "9112 2.3", request("GET / http/1.1")),
  refused("a version without its minor digit", "9112 2.3", request("GET / HTTP/1")),
  refused("a version with a comma", "9112 2.3", request("GET / HTTP/1,1")),
  refused("a version of two minor digits", "9112 2.3", request("GET / HTTP/1.11")),
  refused("a version of two major digits", "9112 2.3", request("GET / HTTP/11.1")),
  refused("a version with a sign", "9112 2.3", request("GET / HTTP/+1.1")),
  refused("another protocol", "9112 2.3", request("GET / ICAP/1.0")),
  refused("a version without its slash", "9112 2.3", request("GET / HTTP1.1")),
  refused("a version with a space", "9112 2.3", request("GET / HTTP/1. 1")),
  refused("a ClientHello of TLS", "9112 2.2", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
];

const outsideOfTargets = '"<>\\^`{|}#[]\x01\x1f\x7f\x80\xff';

const targets: readonly RequestCase[] = [
  pass("a path of many segments with parameters", "3986 3.3", "GET /a/b;v=1.1/c@d:e"),
  pass("every character a path may hold", "3986 3.3", "GET /azAZ09-._~!$&'()*+,;=:@"),
  pass("every character a query may hold", "3986 3.4", "GET /?azAZ09-._~!$&'()*+,;=:@/?%2F"),
  pass("every character that browsers leave unencoded in a query", "URL Standard 1.3", "GET /?a[0]=\\b^c`d{e|f}g"),
  pass("percent-encoded bytes are passed on as they are", "3986 2.1", "GET /%41%7e%C3%a9?%00"),
  pass("an empty query", "3986 3.4", "GET /?"),
  pass("a query of question marks", "3986 3.4", "GET /???"),
  pass("a path that ends with a slash", "3986 3.3", "GET /a/"),
  pass("a target of 8,192 bytes", "9112 3", `GET /${"a".repeat(8_191)}`),
  refused("a target of 8,193 bytes", "9110 15.5.15", request(`GET /${"a".repeat(8_192)} HTTP/1.1`), 414),
  refused(
    "a query that makes the target too long",
    "9110 15.5.15",
    request(`GET /?${"a".repeat(9_000)} HTTP/1.1`),
    414,
  ),
  refused("a percent sign with one digit", "3986 2.1", request("GET /%4 HTTP/1.1")),
  refused("a percent sign with no digit", "3986 2.1", request("GET /% HTTP/1.1")),
  refused("a percent sign with letters behind F", "3986 2.1", request("GET /%4g HTTP/1.1")),
  refused("a percent sign with one digit in the query", "3986 2.1", request("GET /?a=%a HTTP/1.1")),
  refused("an encoding of Microsoft", "3986 2.1", request("GET /%u002e HTTP/1.1")),
  refused("a fragment", "9112 3.2", request("GET /a#b HTTP/1.1")),
  refused("a target without its slash", "9112 3.2", request("GET a HTTP/1.1")),
  refused("a target of a question mark", "9112 3.2", request("GET ?a HTTP/1.1")),
  refused("a backslash for a slash", "9112 3.2", request("GET \\a HTTP/1.1")),
  ...Array.from(outsideOfTargets, (character) => {
    const code = byteName(character.charCodeAt(0));
    return refused(`the byte ${code} in a path`, "3986 3.3", request(`GET /a${character}b HTTP/1.1`));
  }),
  ...Array.from('"<>#\x7f\x80', (character) => {
    const code = byteName(character.charCodeAt(0));
    return refused(`the byte ${code} in a query`, "3986 3.4", request(`GET /?a=${character}b HTTP/1.1`));
  }),
];

const absolute = (target: string, host: string, method = "GET"): string =>
  lines(`${method} ${target} HTTP/1.1`, `Host: ${host}`);

const otherForms: readonly RequestCase[] = [
  passed("absolute form", "9112 3.2.2", absolute("http://a/b?c", "a"), seen("GET /b?c")),
  passed("absolute form with a scheme in capitals", "9112 3.2.2", absolute("HTTP://a/b", "a"), seen("GET /b")),
  passed("absolute form of https", "9112 3.2.2", absolute("https://a/b", "a"), seen("GET /b")),
  passed("absolute form without a path", "9112 3.2.1", absolute("http://a", "a"), seen("GET /")),
  passed("absolute form with a query and no path", "9112 3.2.1", absolute("http://a?b", "a"), seen("GET /?b")),
  passed("the authority of the target counts, not Host", "9112 3.2.2", absolute("http://b:81/c", "a"), {
    line: "GET /c",
    host: "b:81",
    fields: [],
  }),
  {
    name: "OPTIONS for a whole server is answered here",
    section: "9110 9.3.7",
    bytes: request("OPTIONS * HTTP/1.1"),
    statuses: [204],
    closes: false,
    upstream: [],
  },
  {
    name: "OPTIONS for a whole server in absolute form is answered here",
    section: "9112 3.2.4",
    bytes: absolute("http://a", "a", "OPTIONS"),
    statuses: [204],
    closes: false,
    upstream: [],
  },
  {
    name: "OPTIONS for a whole server between two requests",
    section: "9110 9.3.7",
    bytes: get() + request("OPTIONS * HTTP/1.1") + get(),
    statuses: [PASSED, 204, PASSED],
    closes: false,
    upstream: [seen("GET /"), seen("GET /")],
  },
  passed(
    "OPTIONS in absolute form with a path",
    "9112 3.2.4",
    absolute("http://a/b", "a", "OPTIONS"),
    seen("OPTIONS /b"),
  ),
  refused("the asterisk with another method", "9112 3.2.4", request("GET * HTTP/1.1")),
  refused("more than the asterisk", "9112 3.2.4", request("OPTIONS */ HTTP/1.1")),
  refused("two asterisks", "9112 3.2.4", request("OPTIONS ** HTTP/1.1")),
  refused("absolute form without an authority", "9110 4.2.1", absolute("http:///a", "a")),
  refused("absolute form with one slash", "9112 3.2.2", absolute("http:/a", "a")),
  refused("absolute form with user information", "9110 4.2.4", absolute("http://u:p@a/", "a")),
  refused("absolute form of another scheme", "9110 7.4", absolute("ftp://a/", "a")),
  refused("absolute form of a longer scheme", "9110 7.4", absolute("httpss://a/", "a")),
  refused("absolute form with a bad port", "3986 3.2.3", absolute("http://a:x/", "a")),
  refused("absolute form with a port only", "9110 4.2.1", absolute("http://:80/", "a")),
  refused("absolute form with an open bracket", "3986 3.2.2", absolute("http://[::1/", "a")),
  refused("absolute form with a space in the authority", "9112 3.2", absolute("http://a b/", "a")),
  refused("absolute form without Host", "9112 3.2", "GET http://a/ HTTP/1.1\r\n\r\n"),
  refused("absolute form with two Hosts", "9112 3.2", lines("GET http://a/ HTTP/1.1", "Host: a", "Host: a")),
  refused("absolute form with a bad Host", "9112 3.2", absolute("http://a/", "a@b")),
  refused("authority form with another method", "9112 3.2.3", request("GET a:80 HTTP/1.1")),
  refused("CONNECT without a port", "9112 3.2.3", request("CONNECT a HTTP/1.1")),
  refused("CONNECT with a path", "9112 3.2.3", request("CONNECT / HTTP/1.1")),
  refused("CONNECT in absolute form", "9112 3.2.3", request("CONNECT http://a:80/ HTTP/1.1")),
  refused("CONNECT with an empty port", "9112 3.2.3", request("CONNECT a: HTTP/1.1")),
];

export const requestLineCases: readonly RequestCase[] = [
  ...methods,
  ...spaces,
  ...lineEnds,
  ...versions,
  ...targets,
  ...otherForms,
];

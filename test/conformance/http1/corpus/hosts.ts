/** The Host field: RFC 9110 section 7.2, RFC 9112 section 3.2, RFC 3986 section 3.2. */
import { lines, passed, passedLast, type RequestCase, refused } from "./case.ts";

const withHost = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const pass = (name: string, section: string, value: string): RequestCase =>
  passed(name, section, withHost(value), { line: "GET /", host: value, fields: [] });
const refuse = (name: string, section: string, value: string): RequestCase => refused(name, section, withHost(value));

const sound: readonly RequestCase[] = [
  pass("a name", "3986 3.2.2", "a.example"),
  pass("a name in capitals stays as it is", "3986 3.2.2", "A.Example"),
  pass("a name with a port", "9110 7.2", "a.example:8080"),
  pass("a name with the highest port", "3986 3.2.3", "a:65535"),
  pass("a name with an empty port", "3986 3.2.3", "a:"),
  pass("a name that ends with a dot", "3986 3.2.2", "a.example."),
  pass("an IPv4 address", "3986 3.2.2", "192.0.2.1:80"),
  pass("an IPv6 address", "3986 3.2.2", "[2001:db8::1]"),
  pass("an IPv6 address with a port", "3986 3.2.2", "[::1]:8080"),
  pass("an IPv6 address of eight groups", "3986 3.2.2", "[1:2:3:4:5:6:7:8]"),
  pass("an IPv6 address with an IPv4 address in it", "3986 3.2.2", "[::ffff:192.0.2.1]"),
  pass("an IPv6 address with its last group elided", "3986 3.2.2", "[1:2:3:4:5:6:7::]"),
  pass("an address of a later version", "3986 3.2.2", "[v1.a:b]"),
  passed("blanks around the value are not part of it", "9112 5.1", "GET / HTTP/1.1\r\nHost:\t a \t\r\n\r\n", {
    line: "GET /",
    host: "a",
    fields: [],
  }),
  passed("the field's name in capitals", "9110 5.1", "GET / HTTP/1.1\r\nHOST: a\r\n\r\n", {
    line: "GET /",
    host: "a",
    fields: [],
  }),
  passed("Host behind other fields", "9110 7.2", lines("GET / HTTP/1.1", "X-A: 1", "Host: a"), {
    line: "GET /",
    host: "a",
    fields: ["X-A: 1"],
  }),
  passedLast("HTTP/1.0 without Host", "9112 3.2", "GET / HTTP/1.0\r\n\r\n", { line: "GET /", host: "", fields: [] }),
];

const wrong: readonly RequestCase[] = [
  refused("no Host", "9112 3.2", "GET / HTTP/1.1\r\n\r\n"),
  refused("no Host among other fields", "9112 3.2", lines("GET / HTTP/1.1", "X-Host: a", "Hosts: a")),
  refused("two Hosts", "9112 3.2", lines("GET / HTTP/1.1", "Host: a", "Host: b")),
  refused("two equal Hosts", "9112 3.2", lines("GET / HTTP/1.1", "Host: a", "Host: a")),
  refused("two Hosts in different letters", "9112 3.2", lines("GET / HTTP/1.1", "Host: a", "X-A: 1", "hOST: b")),
  refused("an empty Host and another", "9112 3.2", lines("GET / HTTP/1.1", "Host:", "Host: a")),
  refused("two Hosts in HTTP/1.0", "9112 3.2", lines("GET / HTTP/1.0", "Host: a", "Host: b")),
  refused("a bad Host in HTTP/1.0", "9112 3.2", lines("GET / HTTP/1.0", "Host: a b")),
  refuse("two names", "9110 7.2", "a b"),
  refuse("two names with a comma and a space", "9110 7.2", "a, b"),
  refuse("user information", "9110 4.2.4", "u@a"),
  refuse("a path", "9110 7.2", "a/b"),
  refuse("a query", "9110 7.2", "a?b"),
  refuse("a whole URI", "9110 7.2", "http://a"),
  refuse("a name with a fragment", "9110 7.2", "a#b"),
  refuse("a backslash", "3986 3.2.2", "a\\b"),
  refuse("a byte above ASCII", "3986 3.2.2", "a\xe9"),
  refuse("quotes", "3986 3.2.2", '"a"'),
  refuse("a tab within", "3986 3.2.2", "a\tb"),
  refuse("a broken percent-encoding", "3986 2.1", "a%2"),
  refuse("a port of letters", "3986 3.2.3", "a:80a"),
  refuse("a port with a sign", "3986 3.2.3", "a:+80"),
  refuse("a port above 65535", "9110 7.2", "a:65536"),
  refuse("a port of many digits", "9110 7.2", `a:${"9".repeat(40)}`),
  refuse("two ports", "3986 3.2.3", "a:80:81"),
  refuse("a port without a host", "9110 4.2.1", ":80"),
  refuse("an IPv6 address without brackets", "3986 3.2.2", "2001:db8::1"),
  refuse("an IPv6 address with nine groups", "3986 3.2.2", "[1:2:3:4:5:6:7:8:9]"),
  refuse("an IPv6 address with nothing elided", "3986 3.2.2", "[1:2:3:4::5:6:7:8]"),
  refuse("an IPv6 address of seven groups", "3986 3.2.2", "[1:2:3:4:5:6:7]"),
  refuse("an IPv6 address elided twice", "3986 3.2.2", "[1::2::3]"),
  refuse("an IPv6 address with a long group", "3986 3.2.2", "[12345::]"),
  refuse("an IPv6 address with a zone", "3986 3.2.2", "[fe80::1%25eth0]"),
  refuse("an IPv6 address with a bad IPv4 address", "3986 3.2.2", "[::256.0.0.1]"),
  refuse("empty brackets", "3986 3.2.2", "[]"),
  refuse("an open bracket", "3986 3.2.2", "[::1"),
  refuse("letters behind the bracket", "3986 3.2.2", "[::1]a"),
  refuse("a name in brackets", "3986 3.2.2", "[a.example]"),
];

export const hostCases: readonly RequestCase[] = [...sound, ...wrong];

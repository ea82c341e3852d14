/** Messages the mutations start from: sound ones of every kind, so that a few changes lead to every rule's border. */

const message = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;

export const requestSeeds: readonly string[] = [
  message("GET / HTTP/1.1", "Host: a"),
  message("GET /quotes/600519?depth=5&x=%41 HTTP/1.1", "Host: a.example:8080", "User-Agent: wrk/4.1.0", "Accept: */*"),
  message("HEAD /a/b;c=d HTTP/1.1", "Host: [2001:db8::1]:80", "Connection: keep-alive, x-a", "X-A: 1", "X-B:\t2 \t"),
  `${message("POST /orders HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Type: text/plain")}hello`,
  `${message("POST /orders HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "TE: trailers")}5\r\nhello\r\n0\r\n\r\n`,
  message("PUT http://b.example:81/c?d HTTP/1.1", "Host: b.example:81", "Content-Length: 0"),
  message("OPTIONS * HTTP/1.1", "Host: a", "Max-Forwards: 1"),
  message("OPTIONS https://a HTTP/1.1", "Host: a"),
  message("CONNECT a:443 HTTP/1.1", "Host: a:443"),
  message("GET / HTTP/1.0", "Connection: keep-alive"),
  message("GET /ws HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
  message("POST / HTTP/1.1", "Host: a", "Expect: 100-continue", "Content-Length: 12", "Cookie: a=\x80\xff"),
  `\r\n${message("DELETE /a HTTP/1.1", "Host: [v1.a:b]", "Connection: close", "X-Empty:", "X-Tab: a\tb")}`,
  message("GET /?a[]=1 HTTP/1.1", "Host: a"),
  message("GET / HTTP/1.1", "Host: [1:2:3:4:5:6:7::]"),
  message("GET / HTTP/1.1", "Host: [::1:2:3:4:5:6:7]:65535"),
  `${message("PUT / HTTP/1.1", "Host: a", "Content-Length: 000000000000005")}hello`,
  message("M-SEARCH /x HTTP/1.1", "host: a%20b:1", "accept: a", "Keep-Alive: timeout=5", "Proxy-Connection: x"),
];

export const responseSeeds: readonly string[] = [
  `${message("HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: 5")}hello`,
  message("HTTP/1.1 404 Not Found", "Server: nginx", "Connection: close", "Content-Length: 0"),
  `${message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: x-a")}0\r\n\r\n`,
  message("HTTP/1.0 200 OK", "Content-Type: text/plain"),
  message("HTTP/1.1 204 No Content", "Content-Length: 0"),
  message("HTTP/1.1 304 Not Modified", "Content-Length: 100", 'ETag: "x"'),
  message("HTTP/1.1 100 Continue"),
  message("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket"),
  message("HTTP/1.1 503 ", "Retry-After: 1", "Content-Length: 0", "Keep-Alive: timeout=5"),
  message("HTTP/1.1 200", "Content-Length: 0"),
];

export const chunkedSeeds: readonly string[] = [
  "0\r\n\r\n",
  "000000000005\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
  "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
  "A;a=b\r\n0123456789\r\n000\r\n\r\n",
  '3 ; a = "b\\"c" ;d\r\nabc\r\n0;x\r\n\r\n',
  "1\r\na\r\n0\r\nX-Checksum: abc\r\nX-Other:\t1 \r\n\r\n",
  "1\r\n\r\r\n2\r\n\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
];

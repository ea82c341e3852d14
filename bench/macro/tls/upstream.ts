/** The service behind the compared gateways: answers every request with the same 256 bytes. Prints its port. */
const body = "x".repeat(256);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const end = Buffer.from("\r\n\r\n");

const listener = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, chunk) {
      for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, at + 4)) socket.write(answer);
    },
  },
});
console.log(listener.port);

// A module of its own, so that its names are its own.
export {};

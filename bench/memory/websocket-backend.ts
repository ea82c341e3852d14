/** The service behind idle WebSockets: says back every message. Prints its port. */
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("ready")),
  websocket: {
    // It neither pings nor closes by itself: what is measured is silence.
    idleTimeout: 0,
    sendPings: false,
    message: (socket, message) => void socket.send(message),
  },
});
console.log(server.port);

// A module of its own, so that its names are its own.
export {};

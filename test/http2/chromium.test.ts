/** Chromium loads a page and opens a WebSocket through the gateway over TLS, both over HTTP/2. */
import { afterAll, expect, test } from "bun:test";
import { chromium } from "playwright-core";
import { TestAuthority } from "../authority.ts";
import { RunningWeir } from "../tls/running-weir.ts";

const authority = new TestAuthority();
const { certificateFile, keyFile } = authority.certificate({ names: ["localhost", "127.0.0.1"] });
const page = `<!doctype html><title>waiting</title><script>
const socket = new WebSocket(location.origin.replace("https", "wss") + "/socket");
socket.onopen = () => socket.send("from the page");
socket.onmessage = ({ data }) => { document.title = data; socket.close(4000); };
socket.onclose = ({ code }) => { document.body.textContent = code; };
</script><body></body>`;
const seen: string[] = [];
const upstream = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request, server) {
    seen.push(new URL(request.url).pathname);
    if (server.upgrade(request)) return undefined;
    return new Response(page, { headers: { "content-type": "text/html" } });
  },
  websocket: {
    message(socket, message) {
      socket.send(`${message} and back`);
    },
  },
});

afterAll(async () => {
  await upstream.stop(true);
  authority.free();
});

test("a page and its WebSocket come over one gateway, over h2", async () => {
  const { folder } = authority;
  const weir = await RunningWeir.start(
    folder,
    `
workers: 1
listeners:
  main:
    address: 127.0.0.1:0
    tls: { certificates: [{ certificate: ${certificateFile}, key: ${keyFile} }], alpn: [h2, http/1.1] }
metrics: off
admin: { address: "unix:${folder}/admin.sock" }
timeouts: { drain: 2s }
upstreams: { app: { endpoints: ["127.0.0.1:${upstream.port}"] } }
routes: [{ name: all, upstream: app }]
`,
  );
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--ignore-certificate-errors", "--disable-gpu"],
  });
  try {
    const tab = await browser.newPage({ ignoreHTTPSErrors: true });
    const answer = await tab.goto(`https://127.0.0.1:${weir.port("main")}/page`);
    expect(answer?.status()).toBe(200);
    await tab.waitForFunction("document.body.textContent === '4000'", undefined, { timeout: 30_000 });
    expect(await tab.title()).toBe("from the page and back");
    const protocol = await tab.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol");
    expect(protocol).toBe("h2");
    expect(seen).toContain("/socket");
  } finally {
    await browser.close();
    await weir.stop();
  }
}, 90_000);

/**
 * The opening handshake of a WebSocket as a client makes it (RFC 6455 section 4.1): a request of HTTP/1.1 whose answer must be
 * 101 and prove that it was understood. It happens once a connection, so it is plain code over text. Extensions are not offered.
 */
import { Random } from "../base/mod.ts";
import { acceptKey } from "../protocols/mod.ts";
import type { LoadPlan, PlanClass, ProcessShare } from "./plan.ts";
import { authorityOf, RequestTemplate, templateSource } from "./template.ts";

/** More than the head of any answer to a handshake. */
const headBytesMax = 65_536;
const keyName = "Sec-WebSocket-Key: ";

/** Writes requests to open a WebSocket, each with a key of its own. */
export class OpeningRequests {
  private readonly template: RequestTemplate;
  private readonly protocols: readonly string[];

  constructor(plan: LoadPlan, share: ProcessShare) {
    const [first] = plan.classes as readonly [PlanClass, ...PlanClass[]];
    const headers: [string, string][] = [
      ["Upgrade", "websocket"],
      ["Connection", "Upgrade"],
      ["Sec-WebSocket-Version", "13"],
      // Sixteen bytes in base64: 21 free digits, and a last one whose low bits are zero.
      ["Sec-WebSocket-Key", "{{hex:21}}A=="],
    ];
    this.template = new RequestTemplate(
      { ...first, method: "GET", body: null, headers: [...first.headers, ...headers] },
      { authority: authorityOf(plan.target), keepsAlive: true },
      // Apart from what messages draw, so that these are the same however many connections are opened.
      templateSource(share, new Random(plan.seed + 7919 * (share.process + 1))),
    );
    const offered = first.headers.filter(([name]) => name.toLowerCase() === "sec-websocket-protocol");
    this.protocols = offered.flatMap(([, value]) => value.split(",").map((each) => each.trim()));
  }

  next(): Opening {
    this.template.render();
    const { bytes, length } = this.template;
    const request = Buffer.from(bytes.subarray(0, length));
    const keyAt = request.indexOf(keyName) + keyName.length;
    return new Opening(request, request.toString("latin1", keyAt, keyAt + 24), this.protocols);
  }
}

/** One handshake: its request, and its answer as it comes. */
export class Opening {
  readonly request: Uint8Array;
  /** Bytes behind the answer's head: the first of the server's frames. */
  rest: Uint8Array = new Uint8Array(0);
  /** Why the answer is no. */
  reason = "";
  private readonly key: string;
  private readonly protocols: readonly string[];
  private head = Buffer.alloc(0);

  constructor(request: Uint8Array, key: string, protocols: readonly string[]) {
    this.request = request;
    this.key = key;
    this.protocols = protocols;
  }

  /** Takes a piece of the answer: `more` until its head is whole. */
  receive(bytes: Uint8Array): "more" | "opened" | "refused" {
    this.head = Buffer.concat([this.head, bytes]);
    const end = this.head.indexOf("\r\n\r\n");
    if (end < 0) return this.head.length > headBytesMax ? this.refuse("head over 64 KiB") : "more";
    this.rest = this.head.subarray(end + 4);
    return this.judge(this.head.toString("latin1", 0, end));
  }

  private judge(text: string): "opened" | "refused" {
    const [statusLine = "", ...lines] = text.split("\r\n");
    if (!/^HTTP\/1\.1 101( |$)/.test(statusLine)) return this.refuse(statusLine.slice(0, 80));
    const values = (name: string): string[] =>
      lines.flatMap((line) => {
        const colon = line.indexOf(":");
        return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
      });
    const words = (name: string): string[] => values(name).flatMap((each) => each.toLowerCase().split(/\s*,\s*/));
    if (!words("upgrade").includes("websocket")) return this.refuse("Upgrade");
    if (!words("connection").includes("upgrade")) return this.refuse("Connection");
    if (values("sec-websocket-accept").join() !== acceptKey(this.key)) return this.refuse("Sec-WebSocket-Accept");
    if (values("sec-websocket-extensions").length > 0) return this.refuse("Sec-WebSocket-Extensions");
    const chosen = values("sec-websocket-protocol");
    if (chosen.some((each) => !this.protocols.includes(each))) return this.refuse("Sec-WebSocket-Protocol");
    return "opened";
  }

  private refuse(reason: string): "refused" {
    this.reason = reason;
    return "refused";
  }
}

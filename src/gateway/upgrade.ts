/**
 * The switch to WebSocket (RFC 6455 §4, RFC 8441): judges what the client asks, passes the handshake on, judges what the
 * upstream answers, and joins the two sides by a tunnel. The exchange is over with the switch. Everything here runs once a
 * WebSocket. @cold
 */
import { assert, copyBytes, latin1, Outcome, type Random } from "../base/mod.ts";
import {
  agreedDeflate,
  FieldId,
  fieldText,
  judgeAnswer,
  judgeRequest,
  type MessageHead,
  Method,
  rangeText,
  writeBytes,
  writeFields,
  writeLineEnd,
  writeStatusLine,
} from "../protocols/mod.ts";
import type { UpstreamConnection, UpstreamLink } from "../upstream/mod.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { writeChangedFields } from "./forward.ts";
import { Tunnel } from "./tunnel.ts";
import { TunnelWire } from "./tunnel-wire.ts";

/** What a client offered, to compare the answer with. */
export interface UpgradeOffer {
  readonly key: string;
  readonly extensions: string | undefined;
  readonly protocols: string | undefined;
}

/** What a forwarded handshake and its answer say besides the client's and the upstream's fields. */
export const upgradeLines = latin1("Connection: Upgrade\r\nUpgrade: websocket\r\n");
const nothingSkipped = new Uint8Array(256);

/** Notes a handshake in its exchange; returns the answer where it is refused, else null. */
export function takeOffer(exchange: Exchange, head: MessageHead): LocalAnswer | null {
  const fault = judgeRequest(head);
  if (fault === "version") return answerOf(Outcome.webSocketVersion);
  if (fault !== "ok") return answerOf(Outcome.webSocketHandshake);
  if (exchange.route!.upstream?.settings.mode === "multiplexed") return answerOf(Outcome.webSocketNotCarried);
  exchange.upgrade = {
    key: fieldText(head, "sec-websocket-key")!,
    extensions: joined(head, FieldId.webSocketExtensions),
    protocols: joined(head, FieldId.webSocketProtocol),
  };
  return null;
}

/** The values of all fields of an id as one list. */
function joined(head: MessageHead, id: number): string | undefined {
  const values: string[] = [];
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.fieldId[index] === id) values.push(rangeText(head, head.valueStart[index]!, head.valueEnd[index]!));
  }
  return values.length === 0 ? undefined : values.join(", ");
}

/**
 * The upstream switched: joins it with the client. `bytes[from, to)` is what it sent behind its head. False: the answer is
 * not one to what was asked.
 */
export function openTunnel(
  exchange: Exchange,
  link: UpstreamLink,
  head: MessageHead,
  bytes: Uint8Array,
  from: number,
  to: number,
): boolean {
  const offer = exchange.upgrade;
  if (offer === null || judgeAnswer(head, offer.key, offer.protocols) !== "ok") return false;
  const isDeflate = agreedDeflate(offer.extensions, joined(head, FieldId.webSocketExtensions));
  if (isDeflate === undefined) return false;
  const { context } = exchange;
  const client = exchange.client!;
  const tunnel = new Tunnel(context, isDeflate);
  const connection = link as UpstreamConnection;
  const { endpoint } = connection;
  const upstream = new TunnelWire(context, "", tunnel.fromUpstream, tunnel.fromClient, true, endpoint);
  const clientSide = client.replyUpgrade(exchange, head, tunnel);
  tunnel.connect(clientSide, upstream);
  connection.upgradeTo(upstream);
  upstream.begin();
  exchange.endUpgrade();
  client.beginTunnel();
  if (to > from) tunnel.fromUpstream.receive(bytes, from, to);
  return true;
}

/** Writes the 101 for a client that speaks HTTP/1.1; returns its end in `out`. */
export function writeSwitch(exchange: Exchange, head: MessageHead, out: Uint8Array): number {
  const changes = exchange.answerChanges;
  let at = writeStatusLine(101, out, 0);
  at = writeBytes(upgradeLines, out, at);
  at =
    changes === null
      ? writeFields(head, nothingSkipped, out, at)
      : writeChangedFields(head, nothingSkipped, changes, out, at);
  return writeLineEnd(out, at);
}

const keyLine = latin1("sec-websocket-key: ");
const getWord = latin1("GET");

/**
 * Makes an extended CONNECT (RFC 8441 §5) the GET that HTTP/1.1 has in its place, with a key of our own, in the free room behind
 * the head's text.
 */
export function readAsGet(head: MessageHead, random: Random): void {
  const { bytes } = head;
  const key = Buffer.from(Uint32Array.from({ length: 4 }, () => random.uint32()).buffer).toString("base64");
  assert(bytes.length >= head.end + 64 && head.fieldCount < head.fieldsMax, "a decoded head has room behind it");
  let at = head.end;
  head.methodStart = at;
  at = copyBytes(getWord, 0, getWord.length, bytes, at);
  head.methodEnd = at;
  head.methodId = Method.get;
  head.bodyKind = 0;
  const id = FieldId.webSocketKey;
  // Asked before the field is there: the head is used again and again, and remembers where the last key stood.
  const isFirst = head.indexOf(id) < 0;
  const index = head.fieldCount++;
  head.nameStart[index] = at;
  at = copyBytes(keyLine, 0, keyLine.length, bytes, at);
  head.nameEnd[index] = at - 2;
  head.valueStart[index] = at;
  at = writeBytes(latin1(key), bytes, at);
  head.valueEnd[index] = at;
  at = writeLineEnd(bytes, at);
  head.fieldId[index] = id;
  head.isHopByHop[index] = 0;
  head.isCanonical[index] = 0;
  head.isSensitive[index] = 0;
  if (isFirst) head.firstIndex[id] = index;
  else head.repeatedMask |= 1 << id;
  head.end = at;
}

/**
 * What cannot be asked for together, told before anything is sent, with what to write instead. The command line, scenario files
 * and experiments all come through here.
 */
import { type Message, say, WeirError } from "../base/mod.ts";
import type { PlanInput } from "./build-plan.ts";
import { combinationMessages as messages } from "./combination-messages.ts";
import type { PlanClass } from "./plan.ts";

/** What the target's URL says. */
interface TargetKind {
  readonly isSecure: boolean;
  readonly isWebSocket: boolean;
}

type Combination = readonly [isWrong: boolean, message: Message, hint: Message];

/** Fields of an HTTP/1.1 connection, which HTTP/2 forbids (RFC 9113 section 8.2.2). */
const connectionFields = ["connection", "transfer-encoding", "keep-alive", "proxy-connection", "upgrade"];

/** Throws where options contradict each other or the target's URL. */
export function checkCombination(input: PlanInput, target: TargetKind): void {
  const wrong = [
    ...protocolCombinations(input, target),
    ...tlsCombinations(input, target),
    ...messageCombinations(input, target),
  ].find(([isWrong]) => isWrong);
  if (wrong === undefined) return;
  throw new WeirError("load.combination", say(wrong[1]), { hint: say(wrong[2]) });
}

function protocolCombinations(input: PlanInput, { isWebSocket }: TargetKind): Combination[] {
  const streams = input.streamsPerConnection ?? 1;
  const isHttp2 = input.httpVersion === "2";
  const names = classesOf(input).flatMap((each) => (each.headers ?? []).map(([name]) => name.toLowerCase()));
  return [
    [isWebSocket && isHttp2, messages.http2WebSocket, messages.http2WebSocketHint],
    [!isHttp2 && streams > 1, messages.streamsWithoutHttp2, messages.streamsWithoutHttp2Hint],
    [streams > 1 && input.reusesConnections === false, messages.streamsWithoutReuse, messages.streamsWithoutReuseHint],
    [
      isHttp2 && names.some((name) => connectionFields.includes(name)),
      messages.connectionField,
      messages.connectionFieldHint,
    ],
    [
      input.ratePerConnection !== undefined && (input.ratePerSecond !== undefined || input.pieces !== undefined),
      messages.twoRates,
      messages.twoRatesHint,
    ],
  ];
}

function tlsCombinations({ tls, pacing }: PlanInput, { isSecure }: TargetKind): Combination[] {
  const hasAuthority = (tls?.authorityFile ?? null) !== null;
  const hasKeyOnly = (tls?.keyFile ?? null) !== null && (tls?.certificateFile ?? null) === null;
  return [
    [!isSecure && tls !== undefined, messages.tlsWithoutSecure, messages.tlsWithoutSecureHint],
    [tls?.verifies === false && hasAuthority, messages.insecureAuthority, messages.insecureAuthorityHint],
    [hasKeyOnly, messages.keyWithoutCertificate, messages.keyWithoutCertificateHint],
    [isSecure && pacing === "timer", messages.tlsTimer, messages.tlsTimerHint],
  ];
}

function messageCombinations(input: PlanInput, { isWebSocket }: TargetKind): Combination[] {
  const classes = classesOf(input);
  const hasBody = classes.some((each) => each.body !== undefined && each.body !== null);
  const hasMethod = classes.some((each) => each.method !== undefined && each.method !== "GET");
  const hasHttpChecks = classes.some(
    ({ checks }) => checks !== undefined && (checks.statuses.length > 0 || checks.fields.length > 0),
  );
  const openings = new Set((input.classes ?? []).map((each) => JSON.stringify([each.path, each.headers ?? []])));
  return [
    [!isWebSocket && input.messageBytes !== undefined, messages.messageSize, messages.messageSizeHint],
    [isWebSocket && input.messageBytes !== undefined && hasBody, messages.messageAndBody, messages.messageAndBodyHint],
    [isWebSocket && hasMethod, messages.webSocketMethod, messages.webSocketMethodHint],
    [isWebSocket && hasHttpChecks, messages.webSocketChecks, messages.webSocketChecksHint],
    [isWebSocket && openings.size > 1, messages.webSocketPaths, messages.webSocketPathsHint],
  ];
}

/** The classes as far as they were told. */
function classesOf(input: PlanInput): readonly Partial<PlanClass>[] {
  return input.classes ?? (input.request === undefined ? [] : [input.request]);
}

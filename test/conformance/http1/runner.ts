/**
 * Runs the corpus through a gateway at an address, in front of a recorder. Behind every case goes a probe: when it is answered,
 * everything the gateway was going to pass on of the case before has arrived, so that what the recorder has not seen by then
 * it will never see.
 */
import type { AnswerCase, RequestCase, Seen } from "./corpus/mod.ts";
import { RawClient } from "./raw-client.ts";
import type { Recorded, Recorder } from "./recorder.ts";

const PROBE = "GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n";

export interface RequestResult {
  readonly statuses: number[];
  closes: boolean;
  /** Bytes behind the last answer. */
  rest: string;
  upstream: Seen[];
  violations: string[];
}

/** What a request case must come to. */
export function wantedOf(one: RequestCase): RequestResult {
  const upstream = one.upstream.map(({ line, host, fields, body, trailers }) => ({
    line,
    host,
    fields: fields ?? [],
    body: body ?? "",
    trailers: trailers ?? [],
  }));
  return { statuses: [...one.statuses], closes: one.closes, rest: "", upstream, violations: [] };
}

export class Runner {
  private readonly port: number;
  private readonly recorder: Recorder;

  constructor(port: number, recorder: Recorder) {
    this.port = port;
    this.recorder = recorder;
  }

  /** Sends a case's bytes in the given pieces and returns everything that followed. */
  async request(one: RequestCase, pieces: readonly string[]): Promise<RequestResult> {
    const { recorder } = this;
    recorder.requests.length = 0;
    recorder.violations.length = 0;
    recorder.replyPlainly();
    const client = await RawClient.open(this.port);
    try {
      const statuses = await this.converse(client, one, pieces);
      let closes = one.closes;
      let rest = "";
      if (one.closes) rest = await client.ended();
      else closes = !(await this.probe(client));
      if (one.closes) await this.probeAlone();
      const [probe, ...others] = recorder.requests.filter(({ host }) => host === "probe");
      if (probe === undefined || others.length > 0) recorder.violations.push("the probe was not seen exactly once");
      const upstream = recorder.requests.filter(({ host }) => host !== "probe").map(seenOf);
      return { statuses, closes, rest, upstream, violations: [...recorder.violations] };
    } finally {
      client.close();
    }
  }

  private async converse(client: RawClient, one: RequestCase, pieces: readonly string[]): Promise<number[]> {
    const sending = (async () => {
      for (const piece of pieces) {
        await client.send(piece);
        // One round of the loop, so that the pieces leave apart.
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const statuses: number[] = [];
    let passed = 0;
    for (const status of one.statuses) {
      const method = status === 200 ? one.upstream[passed++]!.line.split(" ")[0]! : "GET";
      const answer = await finalAnswer(client, method);
      if (answer === null) break;
      statuses.push(answer.head.status);
    }
    await sending;
    return statuses;
  }

  /** Whether the connection still serves. */
  private async probe(client: RawClient): Promise<boolean> {
    await client.send(PROBE);
    const answer = await client.answer("GET");
    return answer?.head.status === 200 && answer.body === "ok" && client.rest === "";
  }

  private async probeAlone(): Promise<void> {
    const client = await RawClient.open(this.port);
    if (!(await this.probe(client))) this.recorder.violations.push("the probe behind the case was not answered");
    client.close();
  }

  /**
   * Lets the upstream answer as a case says, in the given pieces, and returns what the client got and whether the upstream was
   * used again.
   */
  async answer(one: AnswerCase, pieces: readonly string[]): Promise<object> {
    const { recorder } = this;
    recorder.requests.length = 0;
    recorder.violations.length = 0;
    recorder.reply = () => ({ pieces, closes: one.upstreamCloses === true });
    const method = one.method ?? "GET";
    const client = await RawClient.open(this.port);
    try {
      const length = method === "POST" ? "Content-Length: 0\r\n" : "";
      await client.send(`${method} /case HTTP/1.${one.isOldClient ? 0 : 1}\r\nHost: a\r\n${length}\r\n`);
      const statuses: number[] = [];
      let answer = await client.answer(method);
      for (; answer !== null && answer.head.status < 200; answer = await client.answer(method)) {
        statuses.push(answer.head.status);
      }
      if (answer !== null) statuses.push(answer.head.status);
      const fields = answer?.head.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`) ?? [];
      recorder.replyPlainly();
      await this.probeAlone();
      const [first, last] = [recorder.requests[0], recorder.requests.at(-1)];
      // Whether a head left before the fault in its body was found depends on how the bytes were read.
      const isWhole = answer !== null && !answer.isCut && answer.head.status !== 502;
      return {
        statuses: one.isCut ? [] : statuses,
        body: one.body === undefined ? undefined : answer?.body,
        trailers: one.trailers === undefined ? undefined : answer?.trailers.map(([name, value]) => `${name}: ${value}`),
        fields: one.fields?.filter((line) => fields.includes(line)),
        without: one.without?.filter((name) => !fields.some((line) => line.startsWith(`${name}:`))),
        isCut: one.isCut === undefined ? undefined : !isWhole,
        keepsUpstream: first?.connection === last?.connection,
        requests: recorder.requests.length,
        violations: [...recorder.violations],
      };
    } finally {
      client.close();
    }
  }
}

/** Sends any bytes and the end of the stream, waits for the gateway's, and returns what the upstream saw. */
export async function sendAnything(port: number, recorder: Recorder, bytes: string): Promise<Recorded[]> {
  recorder.requests.length = 0;
  const client = await RawClient.open(port);
  try {
    await client.send(bytes);
    client.endSending();
    await client.ended();
    return [...recorder.requests];
  } finally {
    client.close();
  }
}

/** What an answer case must come to. */
export function wantedAnswer(one: AnswerCase): object {
  const { statuses, body, trailers, fields, without, isCut, keepsUpstream } = one;
  return {
    statuses: isCut ? [] : statuses,
    body,
    trailers,
    fields,
    without,
    isCut,
    keepsUpstream,
    requests: 2,
    violations: [],
  };
}

async function finalAnswer(client: RawClient, method: string): ReturnType<RawClient["answer"]> {
  for (;;) {
    const answer = await client.answer(method);
    if (answer === null || answer.head.status >= 200) return answer;
  }
}

function seenOf({ line, host, fields, body, trailers }: Recorded): Seen {
  return { line, host, fields: fields ?? [], body: body ?? "", trailers: trailers ?? [] };
}

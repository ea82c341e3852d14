/** Hostile and odd messages written from the RFCs, each with its expected answer. */
export { answerCases } from "./answers.ts";
export { type AnswerCase, type RequestCase, type Seen, SMUGGLED } from "./case.ts";

import type { RequestCase } from "./case.ts";
import { chunkCases } from "./chunks.ts";
import { connectionCases } from "./connections.ts";
import { fieldCases } from "./fields.ts";
import { framingCases } from "./framing.ts";
import { hostCases } from "./hosts.ts";
import { requestLineCases } from "./request-lines.ts";

/** Themes with their cases. */
export const requestThemes: Readonly<Record<string, readonly RequestCase[]>> = {
  "request lines": requestLineCases,
  hosts: hostCases,
  fields: fieldCases,
  framing: framingCases,
  chunks: chunkCases,
  connections: connectionCases,
};

export const requestCases: readonly RequestCase[] = Object.values(requestThemes).flat();

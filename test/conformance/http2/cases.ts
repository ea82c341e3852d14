/** All cases of HTTP/2. */
import type { Case } from "./case.ts";
import { frameCases } from "./frame-cases.ts";
import { hpackCases } from "./hpack-cases.ts";
import { messageCases } from "./message-cases.ts";
import { streamCases } from "./stream-cases.ts";

export const http2Cases: readonly Case[] = [...frameCases, ...streamCases, ...messageCases, ...hpackCases];

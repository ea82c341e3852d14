/** The figures of the article this project answers to (its section 2.5): 16 cores, 32 GB, wrk with 4,000 connections, 30 s. */
import type { Message } from "../base/mod.ts";

export interface ArticleRow {
  readonly setting: Message;
  readonly perSecond: number;
  /** To its first row, as printed there. */
  readonly gain: string;
}

export const articleRows: readonly ArticleRow[] = [
  {
    setting: { en: "default kernel, one listening socket", zh: "默认内核 + 单 listen" },
    perSecond: 24_180,
    gain: "-",
  },
  { setting: { en: "with SO_REUSEPORT", zh: "+ SO_REUSEPORT" }, perSecond: 33_210, gain: "+37.3 %" },
  {
    setting: { en: "with tcp_tw_reuse and somaxconn as well", zh: "+ tcp_tw_reuse + somaxconn" },
    perSecond: 41_650,
    gain: "+72.2 %",
  },
];

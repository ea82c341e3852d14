/**
 * What the supervisor and a worker say to each other over the pipe between them, in the order of a worker's life:
 *
 *     supervisor                      worker
 *         |                             |   spawned with the listening sockets as descriptors 3, 4, ...
 *         |                             |   a spare waits here
 *         | start (config, sockets)     |
 *         |                       ready |   it accepts connections
 *         | prepare (new config)        |   reload, first half: compile beside the running one
 *         |                    prepared |
 *         | commit                      |   second half: swap
 *         |                   committed |
 *         | ping                        |   every second; a worker that does not answer is replaced
 *         |                        pong |
 *         | drain (deadline)            |   stop accepting, finish what is there
 *         |                     drained |   and end
 *
 * Only types and plain data: the worker imports nothing of the supervisor at run time, so that it starts fast.
 */
import type { Language } from "../base/mod.ts";
import type { Config } from "../config/mod.ts";
import type { SegmentGrant } from "../observe/mod.ts";

/** A listening socket given to a worker: `descriptor` is its number in the worker. */
export interface ListenerGrant {
  readonly name: string;
  readonly descriptor: number;
}

export type ToWorker =
  | {
      readonly type: "start";
      readonly config: Config;
      readonly revision: number;
      readonly worker: number;
      readonly generation: number;
      readonly segment: SegmentGrant;
      readonly listeners: readonly ListenerGrant[];
      /** Descriptors of other workers' sockets, which a spare was launched with: to be closed. */
      readonly unused: readonly number[];
      /** Of what the worker says to people. */
      readonly language: Language;
      /** Keys of TLS session tickets, base64, the current one first. */
      readonly ticketKeys: readonly string[];
    }
  | { readonly type: "ticket-keys"; readonly ticketKeys: readonly string[] }
  | {
      readonly type: "prepare";
      readonly config: Config;
      readonly revision: number;
      /** Slots of the segment by series key, new routes included. */
      readonly slots: SegmentGrant["slots"];
    }
  | { readonly type: "commit"; readonly revision: number }
  /** Another worker could not prepare: forget what was prepared. */
  | { readonly type: "abandon"; readonly revision: number }
  /** The access log's file was renamed by a rotation. */
  | { readonly type: "reopen-log" }
  | { readonly type: "drain"; readonly deadlineMs: number }
  | { readonly type: "ping"; readonly number: number };

export type FromWorker =
  | { readonly type: "ready"; readonly revision: number; readonly startMs: number }
  | { readonly type: "prepared"; readonly revision: number }
  | { readonly type: "committed"; readonly revision: number }
  /** The start or the preparation failed; after a failed start the worker ends. */
  | { readonly type: "failed"; readonly revision: number; readonly code: string; readonly message: string }
  /** `forced` counts the connections that were cut at the deadline. */
  | { readonly type: "drained"; readonly forced: number }
  | { readonly type: "pong"; readonly number: number };

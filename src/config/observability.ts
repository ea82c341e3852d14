/** Metrics and the access log. */
import { filePathOf } from "./file-path.ts";
import { choice, duration, leaf, listOf, offOr, ratio, section, size, text, wrongType } from "./leaf.ts";
import { fieldNameOf, listenAddress } from "./names.ts";

export const metrics = offOr(
  section({
    address: listenAddress({
      default: "127.0.0.1:9090",
      why: "Where `/metrics` answers. On the loopback interface by default, because it names your routes.",
    }),
  }),
  { default: {}, why: "Prometheus metrics, rendered by the supervisor and never by a worker. `off` for none." },
);

/** Where access log lines go. */
export type LogTarget = { readonly kind: "stdout" } | { readonly kind: "file"; readonly path: string };

const to = leaf<LogTarget>(
  { type: "`stdout` or a file's path" },
  { type: "string" },
  {
    default: "stdout",
    why: "Where the lines go. A file is opened for appending, and again at each reload, so that it can be rotated.",
  },
  (input) => {
    if (input === "stdout") return { value: { kind: "stdout" } };
    const path = typeof input === "string" ? filePathOf(input) : wrongType("stdout or a file's path", input);
    return "value" in path ? { value: { kind: "file", path: path.value } } : path;
  },
);

export const accessLog = offOr(
  section({
    to,
    sampleRatio: ratio({
      default: 1,
      why: "Share of successful requests that is logged. Others than outcome `ok` are always logged.",
    }),
    level: choice(["all", "refused"], {
      default: "all",
      why: "`refused` logs only requests that did not end with outcome `ok` or `local`.",
    }),
    fields: listOf(text({ type: "field name" }, { why: "A request field's name." }, fieldNameOf), {
      default: [],
      max: 16,
      why: "Request fields that are written into each line. None by default: fields carry tokens and personal data.",
    }),
    flushInterval: duration({
      default: "200ms",
      min: "1ms",
      max: "10s",
      why: "How long lines are gathered before one write. A fifth of a second is soon enough for people and rare enough to cost nothing.",
    }),
    bufferMax: size({
      default: "4MiB",
      min: "64KiB",
      max: "256MiB",
      why: "Lines each worker holds while the disk is slow or full. Beyond it lines are dropped and counted; requests never wait for the log.",
    }),
  }),
  {
    default: "off",
    why: "One JSON line per request, or `off`. Off by default: metrics answer most questions at no cost.",
  },
);

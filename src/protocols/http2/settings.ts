/**
 * SETTINGS (RFC 9113 §6.5 and RFC 8441 §3): what we say at the start, and what the peer says, checked.
 */
import {
  FrameType,
  frameBytesDefault,
  frameBytesMax,
  frameHeadBytes,
  putFrameHead,
  putUint32,
  readUint32,
  windowBytesDefault,
  windowBytesMax,
} from "./frames.ts";
import { tableBytesDefault } from "./hpack-decoder.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import { Violation } from "./violations.ts";

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
  /** RFC 9218 §2.1: priorities of the old kind are not wanted. */
  noOldPriorities: 9,
} as const;

export type Role = "server" | "client";

const settingBytes = 6;
/** Until its SETTINGS come, a server is taken to allow what the RFC advises at least. */
const assumedStreamsMax = 100;

/** What the peer has told. */
export class PeerSettings {
  tableBytes = tableBytesDefault;
  streamsMax = assumedStreamsMax;
  initialWindow = windowBytesDefault;
  headListBytesMax = Number.POSITIVE_INFINITY;
  allowsConnectProtocol = false;

  /** Takes one setting; returns 0 or the violation. Unknown ones are ignored (§6.5.2). */
  apply(id: number, value: number, peer: Role): number {
    switch (id) {
      case Setting.headerTableSize:
        this.tableBytes = value;
        return 0;
      case Setting.enablePush:
        // A server never allows pushes to itself (§6.5.2).
        return value === 0 || (value === 1 && peer === "client") ? 0 : Violation.settingValue;
      case Setting.maxConcurrentStreams:
        this.streamsMax = value;
        return 0;
      case Setting.initialWindowSize:
        this.initialWindow = value;
        return value <= windowBytesMax ? 0 : Violation.settingWindow;
      case Setting.maxFrameSize:
        // Frames of the default size are sent whatever the peer could take.
        return value >= frameBytesDefault && value <= frameBytesMax ? 0 : Violation.settingValue;
      case Setting.maxHeaderListSize:
        this.headListBytesMax = value;
        return 0;
      case Setting.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.allowsConnectProtocol)) return Violation.settingValue;
        this.allowsConnectProtocol = value === 1;
        return 0;
      default:
        return 0;
    }
  }

  /** Takes a frame's payload, a multiple of six bytes; returns 0 or the violation. */
  applyAll(bytes: Uint8Array, from: number, to: number, peer: Role): number {
    for (let at = from; at < to; at += settingBytes) {
      const violation = this.apply((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2), peer);
      if (violation !== 0) return violation;
    }
    return 0;
  }
}

export function isSettingsLength(length: number): boolean {
  return length % settingBytes === 0;
}

/** Writes our first frame. */
export function writeSettings(output: Output, role: Role, limits: Http2Limits): void {
  const settings: [id: number, value: number][] = [
    [Setting.initialWindowSize, limits.streamWindowBytes],
    [Setting.maxHeaderListSize, limits.headListBytesMax],
  ];
  if (limits.tableBytes !== tableBytesDefault) settings.push([Setting.headerTableSize, limits.tableBytes]);
  if (role === "client") settings.push([Setting.enablePush, 0]);
  else {
    settings.push([Setting.maxConcurrentStreams, limits.concurrentStreamsMax]);
    settings.push([Setting.enableConnectProtocol, 1]);
    settings.push([Setting.noOldPriorities, 1]);
  }
  output.reserve(frameHeadBytes + settings.length * settingBytes);
  let at = putFrameHead(output.bytes, output.end, settings.length * settingBytes, FrameType.settings, 0, 0);
  for (const [id, value] of settings) {
    output.bytes[at] = id >>> 8;
    output.bytes[at + 1] = id;
    putUint32(output.bytes, at + 2, value);
    at += settingBytes;
  }
  output.end = at;
}

/** What this folder says to people. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  noRoom: {
    en: "{folder} has {free} bytes free; the metrics need up to {bytes}.",
    zh: "{folder} 剩余 {free} 字节；指标最多需要 {bytes} 字节。",
  },
  noRoomHint: {
    en: "Give the memory file system more room (docker: --shm-size), or set WEIR_RUNTIME_DIR to another place.",
    zh: "请扩大内存文件系统（docker 使用 --shm-size），或把 WEIR_RUNTIME_DIR 设为其他目录。",
  },
  noSeat: {
    en: "All {seats} places for workers in shared memory are taken.",
    zh: "共享内存中的 {seats} 个工作进程位置已全部占用。",
  },
  noSeatHint: {
    en: "Stop `weir serve` and start it again: the number of places is set at its start.",
    zh: "请停止并重新启动 `weir serve`：位置数量在启动时确定。",
  },
  segmentAbsent: {
    en: "{path} cannot be used as shared memory: it does not exist.",
    zh: "{path} 不能用作共享内存：文件不存在。",
  },
  segmentShort: {
    en: "{path} cannot be used as shared memory: it is too short.",
    zh: "{path} 不能用作共享内存：文件太短。",
  },
  segmentForeign: {
    en: "{path} cannot be used as shared memory: it does not begin with the mark of a segment.",
    zh: "{path} 不能用作共享内存：开头没有共享段标记。",
  },
  segmentVersion: {
    en: "{path} cannot be used as shared memory: its layout is {found} and this is {wanted}.",
    zh: "{path} 不能用作共享内存：其布局版本为 {found}，本程序为 {wanted}。",
  },
  segmentSize: {
    en: "{path} cannot be used as shared memory: it has {found} bytes where its header asks for {wanted}.",
    zh: "{path} 不能用作共享内存：文件有 {found} 字节，而文件头要求 {wanted} 字节。",
  },
  segmentHint: {
    en: "Workers are started by the supervisor of the same release; run `weir serve` instead of a worker by hand.",
    zh: "工作进程由同一版本的主进程启动；请运行 `weir serve`，不要手工启动工作进程。",
  },
  accessLogClosed: {
    en: "The access log {target} cannot be opened.",
    zh: "无法打开访问日志 {target}。",
  },
  accessLogHint: {
    en: "Create its folder and let the user that runs weir write there, or set `accessLog: off`.",
    zh: "请创建所在目录并允许运行 weir 的用户写入，或设置 `accessLog: off`。",
  },
});

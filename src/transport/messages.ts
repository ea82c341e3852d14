/** What transport says to people. */
import { defineMessages } from "../base/mod.ts";

export const messages = defineMessages({
  addressInUse: { en: "{address} is already in use{holder}.", zh: "{address} 已被占用{holder}。" },
  holder: { en: " by process {pid} ({command})", zh: "，占用者为进程 {pid}（{command}）" },
  addressInUseHint: {
    en: "Stop that program, or give the listener another address.",
    zh: "请停止该程序，或为监听器换一个地址。",
  },
  notPermitted: { en: "This user may not listen on {address}.", zh: "当前用户无权监听 {address}。" },
  notPermittedPortHint: {
    en: "Ports below {first} need privilege: use a higher port, or `setcap cap_net_bind_service=+ep` on the runtime.",
    zh: "低于 {first} 的端口需要特权：请使用更高的端口，或对运行时执行 setcap cap_net_bind_service=+ep。",
  },
  notPermittedPathHint: {
    en: "The folder of the socket must exist and be writable by the user that runs Weir.",
    zh: "套接字所在目录必须存在，并可由运行 Weir 的用户写入。",
  },
  noSuchAddress: { en: "This machine has no address {address}.", zh: "本机没有地址 {address}。" },
  noSuchAddressHint: {
    en: "`ip address` lists this machine's addresses; 0.0.0.0 or [::] listens on all of them.",
    zh: "`ip address` 可列出本机地址；0.0.0.0 或 [::] 表示监听所有地址。",
  },
  noFamily: { en: "This machine has no IPv6, which {address} needs.", zh: "{address} 需要 IPv6，而本机未启用。" },
  noFamilyHint: { en: "Use an IPv4 address.", zh: "请使用 IPv4 地址。" },
  noFolder: { en: "The folder of {address} does not exist.", zh: "{address} 所在目录不存在。" },
  notASocket: {
    en: "{address} cannot be made: a file that is not a socket has that name.",
    zh: "无法创建 {address}：已有同名文件，且不是套接字。",
  },
  notASocketHint: {
    en: "Move the file away, or choose another path; Weir removes nothing but sockets that nobody listens on.",
    zh: "请移走该文件或换一个路径；Weir 只会删除无人监听的套接字。",
  },
  listenFailed: { en: "Listening on {address} failed: {reason}.", zh: "监听 {address} 失败：{reason}。" },
  tooManyDescriptors: {
    en: "No descriptor is left to listen on {address}.",
    zh: "描述符已用尽，无法监听 {address}。",
  },
  tooManyDescriptorsHint: {
    en: "Raise the limit of open files (`ulimit -n`, or LimitNOFILE= in the service file).",
    zh: "请提高打开文件数上限（ulimit -n，或服务文件中的 LimitNOFILE=）。",
  },
});

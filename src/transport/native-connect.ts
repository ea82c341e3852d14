/** A connection that is being made past the runtime: from the kernel's answer comes an open socket, or the reason why not. */
import { adopt, type OutgoingWire, type WireAddress } from "./carrying.ts";
import { beginConnect, closeDescriptor, connectError, openSocket, SystemCallError } from "./libc.ts";
import { NativeSocket } from "./native-socket.ts";
import { type Polled, poller } from "./poller.ts";
import { Ready } from "./socket-calls.ts";

export class NativeConnect implements Polled {
  private readonly wire: OutgoingWire;
  private readonly remoteAddress: string;
  private fd = -1;
  private failure = "";
  private isOver = false;

  constructor(wire: OutgoingWire, address: WireAddress) {
    this.wire = wire;
    this.remoteAddress = address.kind === "ip" ? address.host : "";
    this.failure = this.begin(address);
    // Who asks is in the middle of something: even what is known at once is told later.
    if (this.failure === "") poller.add(this.fd, Ready.write, this);
    else poller.defer(this);
  }

  private begin(address: WireAddress): string {
    try {
      this.fd = openSocket(address);
    } catch (error) {
      if (error instanceof SystemCallError) return error.errno;
      throw error;
    }
    return beginConnect(this.fd, address);
  }

  onReady(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wire.connecting = null;
    const failure = this.failure === "" ? this.finish() : this.failure;
    if (failure !== "") {
      if (this.fd >= 0) closeDescriptor(this.fd);
      this.wire.onConnectFailed(failure);
      return;
    }
    const socket = new NativeSocket(this.fd, this.remoteAddress);
    adopt(socket, this.wire);
    this.wire.onConnected();
    socket.begin();
  }

  /** Gives up; nothing is told. */
  cancel(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wire.connecting = null;
    if (this.failure === "") poller.remove(this.fd);
    if (this.fd >= 0) closeDescriptor(this.fd);
  }

  private finish(): string {
    poller.remove(this.fd);
    return connectError(this.fd);
  }
}

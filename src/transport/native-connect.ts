/** A connection that is being made past the runtime: from the kernel's answer comes an open socket, or the reason why not. */
import { adopt, type OutgoingWire, type WireAddress } from "./carrying.ts";
import { beginConnect, closeDescriptor, connectError, openSocket, SystemCallError } from "./libc.ts";
import { fullInterest, NativeSocket } from "./native-socket.ts";
import { type Polled, poller } from "./poller.ts";

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
    if (this.failure === "") poller.add(this.fd, fullInterest, this);
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

  onReady(events: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wire.connecting = null;
    const failure = this.failure === "" ? connectError(this.fd) : this.failure;
    if (failure !== "") {
      this.drop();
      this.wire.onConnectFailed(failure);
      return;
    }
    const socket = new NativeSocket(this.fd, fullInterest, this.remoteAddress);
    poller.hand(this.fd, socket);
    adopt(socket, this.wire);
    this.wire.onConnected();
    // What came together with the connection is not told again.
    socket.onReady(events);
  }

  /** Gives up; nothing is told. */
  cancel(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wire.connecting = null;
    this.drop();
  }

  private drop(): void {
    if (this.failure === "") poller.remove(this.fd);
    if (this.fd >= 0) closeDescriptor(this.fd);
  }
}

/** A gRPC service on the official JavaScript server. Prints its port. */
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { service } from "./grpc-service.ts";

let cancelledCount = 0;

function trailer(): Metadata {
  const fields = new Metadata();
  fields.set("x-trailer", "kept");
  return fields;
}

const server = new Server();
server.addService(service, {
  unary(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    const wish = call.request.toString();
    if (wish === "wait") return;
    if (wish === "cancelled") reply(null, Buffer.from(String(cancelledCount)), trailer());
    else if (wish === "fail") reply({ code: status.FAILED_PRECONDITION, details: "not today", metadata: trailer() });
    else reply(null, call.request, trailer());
  },
  collect(call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    let bytes = 0;
    call.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    call.on("end", () => reply(null, Buffer.from(String(bytes)), trailer()));
  },
  spread(call: ServerWritableStream<Buffer, Buffer>): void {
    const count = Number(call.request.toString());
    for (let index = 0; index < count; index++) call.write(Buffer.alloc(1000, index));
    call.end(trailer());
  },
  talk(call: ServerDuplexStream<Buffer, Buffer>): void {
    let words = 0;
    call.on("data", (piece: Buffer) => {
      words++;
      call.write(Buffer.from(piece.toString().toUpperCase()));
    });
    call.on("end", () => call.end(trailer()));
    // The library says so of every call once its stream is closed; one that is let go on has three words.
    call.on("cancelled", () => {
      if (words < 3) cancelledCount++;
    });
  },
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(port);
});

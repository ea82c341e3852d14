/** The methods of the service in `grpc-server.ts`: messages are bytes, so that no compiler of descriptions is needed. */
const same = (bytes: Buffer): Buffer => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/bench.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

export const service = {
  unary: method("Unary", false, false),
  collect: method("Collect", true, false),
  spread: method("Spread", false, true),
  talk: method("Talk", true, true),
};

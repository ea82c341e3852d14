/** TLS as experiments need it: a certificate for a listener, and clients that make handshakes. */
export { makeCertificate, type OwnCertificate } from "./certificate.ts";
export { type HandshakePlan, type HandshakeResult, runHandshakes } from "./handshakes.ts";

/**
 * Character generator (RFC 864), port 19: lines of 72 characters that rotate through the 95 printable ones, for as long as the
 * client listens. Over TCP it is the source that benches read from. Over UDP each datagram is answered with 0 to 512 characters.
 */
import { MSG_TRUNC } from '../socket/constants.ts';
import type { Client, Service, ServiceOptions } from './service.ts';
import { serveTcp, serveUdp } from './service.ts';
import type { AppSockets } from './sockets.ts';

export const CHARGEN_PORT = 19;

/** Characters of a line, without its CR LF. RFC 864 suggests 72. */
const LINE = 72;
const FIRST_PRINTABLE = 0x20;
const PRINTABLES = 95;
/** Octets after which the pattern repeats: each of the 95 characters has begun a line. */
export const CHARGEN_PERIOD = PRINTABLES * (LINE + 2);
/** Most characters of an answer over UDP. RFC 864. */
export const CHARGEN_MAX_DATAGRAM = 512;

/** `periods` repetitions of the pattern, which begins with the space. */
export function chargenPattern(periods: number): Uint8Array {
  const bytes = new Uint8Array(periods * CHARGEN_PERIOD);
  for (let row = 0, at = 0; at < bytes.length; row++) {
    for (let column = 0; column < LINE; column++) bytes[at++] = FIRST_PRINTABLE + ((row + column) % PRINTABLES);
    bytes[at++] = 0x0d;
    bytes[at++] = 0x0a;
  }
  return bytes;
}

/**
 * Sent over and over, by every client's service: about 256 KiB, so that one call keeps a connection busy for long, and what it reads stays
 * in the processor's cache. Measured: 1.09 times the rate of 1 MiB.
 */
const CHUNK = chargenPattern(37);
/** Where what clients send goes: "any data received is thrown away". */
const BIN = new Uint8Array(65536);

/** Sends the pattern to one client until the connection ends. */
export async function chargenClient(sockets: AppSockets, client: Client): Promise<void> {
  const drained = drain(sockets, client);
  try {
    for (let at = 0; ; at %= CHUNK.length) {
      const sent = await sockets.send(client.fd, at === 0 ? CHUNK : CHUNK.subarray(at));
      client.counters.octetsOut += sent;
      at += sent;
    }
  } catch (error) {
    // How a client says that it has heard enough.
    if (!isHangUp(error)) throw error;
  } finally {
    client.close();
    await drained;
  }
}

async function drain(sockets: AppSockets, client: Client): Promise<void> {
  try {
    for (;;) {
      const length = await sockets.recv(client.fd, BIN, { flags: MSG_TRUNC });
      if (length === 0) return;
      client.counters.octetsIn += length;
    }
  } catch {
    // The sending side meets the same error, and reports it.
  }
}

function isHangUp(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EPIPE' || code === 'ECONNRESET';
}

/** Chargen over TCP. */
export function startTcpChargen(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveTcp(sockets, 'chargen', options.port ?? CHARGEN_PORT, options, (client) =>
    chargenClient(sockets, client),
  );
}

/**
 * Chargen over UDP. Differs: RFC 864 asks for a random number of characters; this is a fixed sequence that looks like one, so
 * that runs repeat. An answer is at most 512 octets, yet still larger than its question: not for a network that is not your own.
 */
export function startUdpChargen(sockets: AppSockets, options: ServiceOptions = {}): Service {
  let state = 1;
  return serveUdp(sockets, 'chargen', options.port ?? CHARGEN_PORT, options, () => {
    // Linear congruential generator, modulus 2^32 (Knuth; Numerical Recipes' constants).
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const length = (state >>> 16) % (CHARGEN_MAX_DATAGRAM + 1);
    return CHUNK.subarray(0, length);
  });
}

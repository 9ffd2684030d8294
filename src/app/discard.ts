/**
 * Discard (RFC 863), port 9: what comes in is thrown away. Over TCP it is the sink that benches send to,
 * so the octets are really read: MSG_TRUNC would spare the copy, and flatter the figures.
 */
import type { Client, Service, ServiceOptions } from './service.ts';
import { serveTcp, serveUdp } from './service.ts';
import type { AppSockets } from './sockets.ts';

export const DISCARD_PORT = 9;

/** Where thrown-away octets go, for all clients: nobody reads it, so that sharing it is harmless. Its size bounds one call. */
const BIN = new Uint8Array(1 << 20);

/** Reads one client's octets, and forgets them, until it finishes. */
export async function discardClient(sockets: AppSockets, client: Client): Promise<void> {
  for (;;) {
    const length = await sockets.recv(client.fd, BIN);
    if (length === 0) return;
    client.counters.octetsIn += length;
  }
}

/** Discard over TCP. */
export function startTcpDiscard(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveTcp(sockets, 'discard', options.port ?? DISCARD_PORT, options, (client) =>
    discardClient(sockets, client),
  );
}

/** Discard over UDP. */
export function startUdpDiscard(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveUdp(sockets, 'discard', options.port ?? DISCARD_PORT, options, () => undefined);
}

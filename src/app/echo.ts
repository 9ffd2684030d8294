/**
 * Echo (RFC 862), port 7: what comes in goes back, over TCP until the client finishes sending, over UDP datagram by datagram.
 *
 * Over TCP the service stops reading while its answers wait, so a client that never reads holds no more than the two buffers
 * of its connection.
 */
import type { Client, Service, ServiceOptions } from './service.ts';
import { serveTcp, serveUdp } from './service.ts';
import type { AppSockets } from './sockets.ts';
import { sendAll } from './sockets.ts';

export const ECHO_PORT = 7;
/** Octets taken at a time. */
const CHUNK = 65536;

/** Sends back what one client sends until it finishes. */
export async function echoClient(sockets: AppSockets, client: Client): Promise<void> {
  for (;;) {
    const data = await sockets.recv(client.fd, CHUNK);
    if (data.length === 0) return;
    client.counters.octetsIn += data.length;
    // Mostly it takes all, and one promise is enough: 1.03 in round trips.
    const sent = await sockets.send(client.fd, data);
    if (sent < data.length) await sendAll(sockets, client.fd, data.subarray(sent));
    client.counters.octetsOut += data.length;
  }
}

/** Echo over TCP. */
export function startTcpEcho(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveTcp(sockets, 'echo', options.port ?? ECHO_PORT, options, (client) => echoClient(sockets, client));
}

/** Echo over UDP. Datagrams from the ports of services that answer everything are ignored (service.ts). */
export function startUdpEcho(sockets: AppSockets, options: ServiceOptions = {}): Service {
  return serveUdp(sockets, 'echo', options.port ?? ECHO_PORT, options, (datagram) => datagram.data);
}

/**
 * examples/c/udp-echo-server.c on tapstack: the UDP echo server in the manner of getaddrinfo(3). Differs: what blocks in C is awaited, the
 * machine is a host of our own on a TAP device, and addresses are numbers, as it has no names to look up.
 *
 *     TAP=tap0 ADDRESS=10.0.0.2/24 npx tsx examples/udp-echo-server.ts PORT
 */
import { AF_INET, INADDR_ANY, SOCK_DGRAM, createHost, posix, tap } from 'tapstack';

const BUFFER_SIZE = 500;
const { TAP = 'tap0', ADDRESS = '10.0.0.2/24' } = process.env;

const port = Number(process.argv[2]);
if (!(port > 0)) {
  console.error('usage: udp-echo-server.ts port');
  process.exit(1);
}

await using host = await createHost({ link: await tap(TAP), address: ADDRESS });
const c = posix(host);

const sfd = c.socket(AF_INET, SOCK_DGRAM, 0);
if (sfd === -1 || c.bind(sfd, { address: INADDR_ANY, port }) === -1) {
  c.perror('no address can be bound');
  process.exit(1);
}
console.log('serving');

for (;;) {
  const buffer = new Uint8Array(BUFFER_SIZE);
  const peer = { address: '', port: 0 };

  const count = await c.recvfrom(sfd, buffer, 0, peer);
  if (count === -1) continue; // the next one may be better
  console.log(`${count} octets from ${peer.address} port ${peer.port}`);
  if ((await c.sendto(sfd, buffer.subarray(0, count), 0, peer)) !== count) c.perror('sendto');
}

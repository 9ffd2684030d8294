/**
 * examples/c/udp-echo-client.c on tapstack, the client to udp-echo-server.ts: sends every argument as a datagram with its NUL, and prints
 * what comes back.
 *
 *     TAP=tap0 ADDRESS=10.0.0.2/24 npx tsx examples/udp-echo-client.ts ADDRESS PORT MESSAGE...
 */
import { AF_INET, SOCK_DGRAM, createHost, posix, tap } from 'tapstack';

const BUFFER_SIZE = 500;
const { TAP = 'tap0', ADDRESS: OWN_ADDRESS = '10.0.0.2/24' } = process.env;

const [address, port, ...messages] = process.argv.slice(2);
if (address === undefined || messages.length === 0) {
  console.error('usage: udp-echo-client.ts address port message...');
  process.exit(1);
}

await using host = await createHost({ link: await tap(TAP), address: OWN_ADDRESS });
const c = posix(host);
process.exitCode = await main({ address, port: Number(port) });

async function main(server: { address: string; port: number }): Promise<number> {
  const sfd = c.socket(AF_INET, SOCK_DGRAM, 0);
  if (sfd === -1 || (await c.connect(sfd, server)) === -1) return handleError('no address can be connected');

  for (const [index, message] of messages.entries()) {
    const buffer = new Uint8Array(BUFFER_SIZE);
    const octets = new TextEncoder().encode(`${message}\0`);
    if (octets.length > BUFFER_SIZE) {
      console.log(`message ${index + 1} is too long`);
      continue;
    }
    if ((await c.write(sfd, octets)) !== octets.length) return handleError('write');
    const count = await c.read(sfd, buffer);
    if (count === -1) return handleError('read');
    const text = new TextDecoder().decode(buffer.subarray(0, count)).split('\0', 1)[0] ?? '';
    console.log(`${count} octets back: ${text}`);
  }
  return 0; // EXIT_SUCCESS
}

function handleError(message: string): number {
  c.perror(message);
  return 1; // EXIT_FAILURE
}

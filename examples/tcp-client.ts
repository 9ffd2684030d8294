/**
 * examples/c/tcp-client.c on tapstack, the client to socket-man-page.ts: connects, sends its arguments, a line each, and prints what
 * comes back until the server has no more.
 *
 *     TAP=tap0 ADDRESS=10.0.0.2/24 npx tsx examples/tcp-client.ts ADDRESS MESSAGE...
 */
import { AF_INET, SHUT_WR, SOCK_STREAM, createHost, posix, tap } from 'tapstack';

const PORT = 12345;
const BUFFER_SIZE = 1024;
const { TAP = 'tap0', ADDRESS: OWN_ADDRESS = '10.0.0.2/24' } = process.env;

const [address, ...messages] = process.argv.slice(2);
if (address === undefined || messages.length === 0) {
  console.error('usage: tcp-client.ts address message...');
  process.exit(1);
}

await using host = await createHost({ link: await tap(TAP), address: OWN_ADDRESS });
const c = posix(host);
process.exitCode = await main({ address, port: PORT });

async function main(server: { address: string; port: number }): Promise<number> {
  const fd = c.socket(AF_INET, SOCK_STREAM, 0);
  if (fd === -1) return handleError('socket');
  if ((await c.connect(fd, server)) === -1) return handleError('connect');

  const peer = { address: '', port: 0 };
  if (c.getpeername(fd, peer) === -1) return handleError('getpeername');
  console.log(`connected to ${peer.address} port ${peer.port}`);

  for (const message of messages) {
    if ((await c.write(fd, message)) === -1 || (await c.write(fd, '\n')) === -1) return handleError('write');
  }
  if (c.shutdown(fd, SHUT_WR) === -1) return handleError('shutdown');

  const buffer = new Uint8Array(BUFFER_SIZE);
  for (;;) {
    const count = await c.read(fd, buffer);
    if (count === -1) return handleError('read');
    if (count === 0) break;
    process.stdout.write(buffer.slice(0, count));
  }
  if (c.close(fd) === -1) return handleError('close');
  return 0; // EXIT_SUCCESS
}

function handleError(message: string): number {
  c.perror(message);
  return 1; // EXIT_FAILURE
}

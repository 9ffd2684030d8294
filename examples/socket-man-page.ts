/**
 * The TCP server that manual pages show for socket(2), bind(2), listen(2) and accept(2), nearly line by line: integers,
 * return codes, errno. Differs: what blocks in C is awaited, and the machine is a host of our own on a TAP device. The same program in C
 * is examples/c/tcp-server.c, its client tcp-client.
 *
 *     TAP=tap0 ADDRESS=10.0.0.2/24 npx tsx examples/socket-man-page.ts
 *     ip address add 10.0.0.1/24 dev tap0; ip link set tap0 up; nc 10.0.0.2 12345
 */
import { AF_INET, INADDR_ANY, SOCK_STREAM, createHost, posix, tap } from 'tapstack';

const LISTEN_BACKLOG = 5;
const PORT = 12345;
const BUFFER_SIZE = 1024;

const { TAP = 'tap0', ADDRESS = '10.0.0.2/24' } = process.env;

const host = await createHost({ link: await tap(TAP), address: ADDRESS });
const c = posix(host);

process.exitCode = await main();
await host.shutdown();

function handleError(message: string): number {
  c.perror(message);
  return 1; // EXIT_FAILURE
}

async function main(): Promise<number> {
  const sfd = c.socket(AF_INET, SOCK_STREAM, 0);
  if (sfd === -1) return handleError('socket');

  const myAddress = { address: INADDR_ANY, port: PORT };
  if (c.bind(sfd, myAddress) === -1) return handleError('bind');

  if (c.listen(sfd, LISTEN_BACKLOG) === -1) return handleError('listen');

  // Now we can accept incoming connections one at a time using accept(2).

  const peerAddress = { address: '', port: 0 };
  const cfd = await c.accept(sfd, peerAddress);
  if (cfd === -1) return handleError('accept');
  console.log(`connection from ${peerAddress.address} port ${peerAddress.port}`);

  // Code to deal with incoming connection(s): echo what the client sends.

  const buffer = new Uint8Array(BUFFER_SIZE);
  for (;;) {
    const count = await c.read(cfd, buffer);
    if (count === -1) return handleError('read');
    if (count === 0) break; // the client has finished sending
    if ((await c.write(cfd, buffer.subarray(0, count))) === -1) return handleError('write');
  }

  // When no longer required, the sockets are closed.

  if (c.close(cfd) === -1) return handleError('close');
  if (c.close(sfd) === -1) return handleError('close');
  return 0; // EXIT_SUCCESS
}

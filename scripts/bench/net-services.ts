/**
 * Echo, discard and chargen on Node's own net: what a Node program does without tapstack.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { CHARGEN_PORT } from '../../src/app/chargen.ts';
import { DISCARD_PORT } from '../../src/app/discard.ts';
import { ECHO_PORT } from '../../src/app/echo.ts';
import type { Served } from './server.ts';

const BACKLOG = 4096;
const CHUNK = Buffer.alloc(1 << 20, 'x');

export async function serveNet(): Promise<Served> {
  let clients = 0;
  let octets = 0;
  const count = (socket: Socket): void => {
    clients++;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clients--;
        octets += socket.bytesWritten;
      })
      .on('data', (data) => (octets += data.length));
  };
  const sources = new Set<Socket>();
  const generate = (socket: Socket): void => {
    sources.add(socket);
    socket.on('close', () => sources.delete(socket));
    const write = (): void => {
      while (socket.write(CHUNK));
    };
    socket.on('drain', write);
    write();
  };
  const services: readonly [number, (socket: Socket) => void][] = [
    [ECHO_PORT, (socket) => void socket.setNoDelay().pipe(socket)],
    [DISCARD_PORT, () => undefined],
    [CHARGEN_PORT, generate],
  ];
  for (const [port, serve] of services) {
    const server = createServer((socket) => {
      count(socket);
      serve(socket);
    });
    server.listen(port, BACKLOG);
    await once(server, 'listening');
  }
  const written = (): number => [...sources].reduce((sum, socket) => sum + socket.bytesWritten, 0);
  return { clients: () => clients, octets: () => octets + written() };
}

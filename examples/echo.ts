/**
 * An echo server on port 7: all of it. Make the device first, or run it as root in a network namespace:
 *
 *     ip address add 10.0.0.1/24 dev tap0; ip link set tap0 up; nc 10.0.0.2 7
 */
import { AF_INET, SOCK_STREAM, createHost, tap } from 'tapstack';

await using host = await createHost({ link: await tap('tap0'), address: '10.0.0.2/24', gateway: '10.0.0.1' });
const { socket, bind, listen, accept, recv, send, close } = host.sockets; // integers in, integers out

const fd = socket(AF_INET, SOCK_STREAM, 0);
bind(fd, { address: '0.0.0.0', port: 7 });
listen(fd, 128);
for (;;) void serve(await accept(fd));

async function serve(client: number): Promise<void> {
  try {
    for (;;) {
      const data = await recv(client);
      if (data.length === 0) break;
      await send(client, data);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  } finally {
    close(client);
  }
}

/** The services on real stacks: two hosts on a cable in memory. */
import { expect } from 'chai';
import { chargenPattern } from '../../src/app/chargen.ts';
import { ping } from '../../src/app/ping.ts';
import { startServices } from '../../src/app/services.ts';
import type { RunningServices } from '../../src/app/services.ts';
import { cable } from '../../src/link/cable.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { AF_INET, SHUT_WR, SOCK_DGRAM, SOCK_STREAM } from '../../src/socket/constants.ts';

const SERVER = '10.0.0.2';

describe('services between two hosts', () => {
  let server: Host;
  let client: Host;
  let running: RunningServices;

  beforeEach(async () => {
    const [a, b] = cable();
    server = await createHost({ link: a, address: `${SERVER}/24` });
    client = await createHost({ link: b, address: '10.0.0.1/24' });
    running = startServices(server);
  });

  afterEach(async () => {
    running.stop();
    await running.stopped;
    expect(server.snapshot().descriptors).to.equal(0);
    expect(client.snapshot().descriptors).to.equal(0);
    await Promise.all([server.shutdown(500), client.shutdown(500)]);
  });

  /** Connects, sends, finishes sending, and reads until the end or `length` octets. */
  const exchange = async (port: number, send: Uint8Array, length = Infinity): Promise<Buffer> => {
    const { socket, connect, recv, shutdown, close } = client.sockets;
    const fd = socket(AF_INET, SOCK_STREAM);
    await connect(fd, { address: SERVER, port });
    const sent = client.sockets.send(fd, send).then(() => shutdown(fd, SHUT_WR));
    const parts: Uint8Array[] = [];
    let total = 0;
    while (total < length) {
      const data = await recv(fd, 65536);
      if (data.length === 0) break;
      parts.push(data);
      total += data.length;
    }
    await sent;
    close(fd);
    return Buffer.concat(parts);
  };

  for (const [name, port] of [
    ['echo', 7],
    ["the man page's server", 12345],
  ] as const) {
    it(`${name} returns two megabytes unharmed`, async () => {
      const data = chargenPattern(300);
      const back = await exchange(port, data);
      expect(Buffer.compare(back, data)).to.equal(0);
    });
  }

  it('echo serves 500 clients at once', async () => {
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => exchange(7, Buffer.from(`client ${i}`))));
    answers.forEach((answer, i) => expect(answer.toString()).to.equal(`client ${i}`));
  });

  it('discard takes two megabytes and closes when the client does', async () => {
    expect(await exchange(9, chargenPattern(300))).to.have.length(0);
    const { counters } = running.services.find((service) => service.name === 'discard')!;
    expect(counters.octetsIn).to.equal(chargenPattern(300).length);
  });

  it('chargen sends its pattern until the client goes', async () => {
    const data = await exchange(19, new Uint8Array(0), 3_000_000);
    expect(Buffer.compare(data, chargenPattern(500).subarray(0, data.length))).to.equal(0);
  });

  it('HTTP: a page with its own connection in it', async () => {
    const answer = await exchange(80, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    // This client has finished sending, or is about to.
    expect(answer.toString()).to.match(/^HTTP\/1\.1 200 OK/);
    expect(answer.toString()).to.match(/ESTABLISHED|CLOSE-WAIT/);
    expect(answer.toString()).to.include('10.0.0.2/24');
  });

  it('UDP: echo answers, also to an empty datagram', async () => {
    const { socket, sendto, recvfrom, close } = client.sockets;
    const fd = socket(AF_INET, SOCK_DGRAM);
    for (const text of ['hello', '']) {
      await sendto(fd, Buffer.from(text), { address: SERVER, port: 7 });
      const { data, address, port } = await recvfrom(fd);
      expect([Buffer.from(data).toString(), address, port]).to.deep.equal([text, SERVER, 7]);
    }
    close(fd);
  });

  it('UDP: two echo services do not talk to each other for ever', async () => {
    const { socket, bind, sendto, close } = client.sockets;
    const fd = socket(AF_INET, SOCK_DGRAM);
    bind(fd, { address: '0.0.0.0', port: 7 });
    await sendto(fd, Buffer.from('hello'), { address: SERVER, port: 7 });
    const { counters } = running.services.find(({ name, transport }) => name === 'echo' && transport === 'udp')!;
    while (counters.ignored === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(counters.served).to.equal(0);
    close(fd);
  });

  it('ping: as many replies as requests, and a time for each', async () => {
    const { sent, received, times } = await ping(client.sockets, SERVER, { count: 3, size: 1472 });
    expect([sent, received, times.length]).to.deep.equal([3, 3, 3]);
  });

  it('ping: an address that nobody has is no error', async () => {
    const { sent, received, times } = await ping(client.sockets, '10.0.0.77', { count: 2, timeout: 20 });
    expect([sent, received, times.length]).to.deep.equal([2, 0, 0]);
  });
});

import { expect } from 'chai';
import { CHARGEN_PERIOD, chargenPattern, startTcpChargen, startUdpChargen } from '../../src/app/chargen.ts';
import { daytimeLine, startTcpDaytime, startUdpDaytime } from '../../src/app/daytime.ts';
import { startTcpDiscard, startUdpDiscard } from '../../src/app/discard.ts';
import { startTcpEcho, startUdpEcho } from '../../src/app/echo.ts';
import { ANSWERING_PORTS } from '../../src/app/service.ts';
import type { Service } from '../../src/app/service.ts';
import { ALL_SERVICES, PortInUseError, startServices } from '../../src/app/services.ts';
import { sendAll } from '../../src/app/sockets.ts';
import type { AppSockets } from '../../src/app/sockets.ts';
import { FakeSockets } from '../support/fake-sockets.ts';

const CLIENT = { address: '10.0.0.1', port: 50000 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (count = 5): Promise<void> => {
  for (let i = 0; i < count; i++) await turn();
};

/** Stops a service and expects it to leave no descriptor behind but those of the test. */
async function expectClean(sockets: FakeSockets, service: Service, own = 0): Promise<void> {
  service.stop();
  await service.stopped;
  expect(sockets.open).to.equal(own);
}

describe('services over TCP', () => {
  it('RFC 862: echo sends back what it receives until the client finishes', async () => {
    const sockets = new FakeSockets();
    sockets.sendLimit = 1000; // send takes a part at a time
    const service = startTcpEcho(sockets);
    const fd = sockets.dial(7);
    const data = chargenPattern(1);
    await sendAll(sockets, fd, data);
    sockets.shutdown(fd);
    expect(await sockets.readAll(fd)).to.deep.equal(Buffer.from(data));
    expect(service.counters).to.include({ octetsIn: data.length, octetsOut: data.length, served: 1, clients: 0 });
    sockets.close(fd);
    await expectClean(sockets, service);
  });

  it('RFC 863: discard takes everything and sends nothing', async () => {
    const sockets = new FakeSockets();
    const service = startTcpDiscard(sockets);
    const fd = sockets.dial(9);
    await sendAll(sockets, fd, new Uint8Array(3_000_000));
    sockets.shutdown(fd);
    expect(await sockets.readAll(fd)).to.have.length(0);
    expect(service.counters).to.include({ octetsIn: 3_000_000, octetsOut: 0 });
    sockets.close(fd);
    await expectClean(sockets, service);
  });

  it('RFC 864: chargen sends lines of 72 characters that rotate through the printable ones', async () => {
    const sockets = new FakeSockets();
    const service = startTcpChargen(sockets);
    const fd = sockets.dial(19);
    const data = await sockets.readAll(fd, 2 * CHARGEN_PERIOD + 1);
    const lines = data.toString('latin1').split('\r\n');
    expect(lines[0]).to.equal(' !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg');
    expect(lines[1]).to.equal('!"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh');
    expect(lines[94]!.slice(0, 3)).to.equal('~ !');
    expect(lines[95]).to.equal(lines[0]);
    expect(lines.slice(0, 190).every((line) => line.length === 72)).to.be.true;
    sockets.close(fd);
    await turns();
    expect(service.counters).to.include({ clients: 0, failures: 0 });
    await expectClean(sockets, service);
  });

  it('RFC 864: chargen keeps its pattern when send takes odd parts, and throws away what it receives', async () => {
    const sockets = new FakeSockets();
    sockets.sendLimit = 65521; // prime, so that every offset comes up
    const service = startTcpChargen(sockets);
    const fd = sockets.dial(19);
    await sendAll(sockets, fd, Buffer.from('stop it'));
    const length = 1_200_000;
    const data = await sockets.readAll(fd, length);
    const expected = chargenPattern(Math.ceil(length / CHARGEN_PERIOD)).subarray(0, length);
    expect(Buffer.compare(data, expected)).to.equal(0);
    expect(service.counters.octetsIn).to.equal(7);
    sockets.close(fd);
    await turns();
    await expectClean(sockets, service);
  });

  it('RFC 867: daytime sends one line and closes', async () => {
    const sockets = new FakeSockets();
    const service = startTcpDaytime(sockets, {}, () => new Date(Date.UTC(1982, 1, 22, 17, 37, 43)));
    const fd = sockets.dial(13);
    const line = await sockets.readAll(fd);
    expect(line.toString()).to.equal('Monday, February 22, 1982 17:37:43-UTC\r\n');
    sockets.close(fd);
    await expectClean(sockets, service);
  });
});

describe('services over UDP', () => {
  const send = async (sockets: FakeSockets, port: number, from = CLIENT, text = 'hi'): Promise<string[]> => {
    sockets.deliver(port, from, Buffer.from(text));
    await turns();
    return sockets.sentDatagrams
      .splice(0)
      .map(({ data, to }) => `${to.address}:${to.port} ${Buffer.from(data).toString()}`);
  };

  it('RFC 862: echo answers each datagram with itself, an empty one too', async () => {
    const sockets = new FakeSockets();
    const service = startUdpEcho(sockets);
    expect(await send(sockets, 7)).to.deep.equal(['10.0.0.1:50000 hi']);
    expect(await send(sockets, 7, CLIENT, '')).to.deep.equal(['10.0.0.1:50000 ']);
    await expectClean(sockets, service);
  });

  it('RFC 863: discard answers nothing', async () => {
    const sockets = new FakeSockets();
    const service = startUdpDiscard(sockets);
    expect(await send(sockets, 9)).to.deep.equal([]);
    expect(service.counters).to.include({ octetsIn: 2, served: 1 });
    await expectClean(sockets, service);
  });

  it('RFC 864: chargen answers with 0 to 512 characters of the pattern', async () => {
    const sockets = new FakeSockets();
    const service = startUdpChargen(sockets);
    const lengths = new Set<number>();
    for (let i = 0; i < 200; i++) {
      sockets.deliver(19, CLIENT, Buffer.from('x'));
      await turns(2);
    }
    for (const { data } of sockets.sentDatagrams) {
      expect(data.length).to.be.within(0, 512);
      expect(Buffer.compare(data, chargenPattern(1).subarray(0, data.length))).to.equal(0);
      lengths.add(data.length);
    }
    expect(sockets.sentDatagrams).to.have.length(200);
    expect(lengths.size).to.be.above(100);
    await expectClean(sockets, service);
  });

  it('RFC 867: daytime answers any datagram with the line', async () => {
    const sockets = new FakeSockets();
    const date = new Date(Date.UTC(2000, 0, 1));
    const service = startUdpDaytime(sockets, {}, () => date);
    expect(await send(sockets, 13)).to.deep.equal([`10.0.0.1:50000 ${daytimeLine(date)}`]);
    await expectClean(sockets, service);
  });

  it('datagrams from ports of answering services are ignored, so that no two services talk for ever', async () => {
    const sockets = new FakeSockets();
    const service = startUdpEcho(sockets);
    for (const port of ANSWERING_PORTS) expect(await send(sockets, 7, { ...CLIENT, port })).to.deep.equal([]);
    expect(service.counters.ignored).to.equal(ANSWERING_PORTS.size);
    expect(await send(sockets, 7)).to.have.length(1);
    await expectClean(sockets, service);
  });

  it('an error on the socket is counted and the service goes on', async () => {
    const sockets = new FakeSockets();
    const service = startUdpEcho(sockets);
    sockets.failNext('sendto', 'ECONNREFUSED');
    expect(await send(sockets, 7)).to.deep.equal([]);
    expect(service.counters.failures).to.equal(1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await send(sockets, 7)).to.have.length(1);
    await expectClean(sockets, service);
  });
});

describe('the life of a service', () => {
  it('a client that resets its connection is counted and others are served', async () => {
    const sockets = new FakeSockets();
    const service = startTcpEcho(sockets);
    const bad = sockets.dial(7);
    const good = sockets.dial(7);
    await turns();
    sockets.reset(bad);
    await turns();
    expect(service.counters).to.include({ clients: 1, failures: 1, lastFailure: 'ECONNRESET: fake' });
    await sendAll(sockets, good, Buffer.from('still here'));
    expect((await sockets.readAll(good, 10)).toString()).to.equal('still here');
    sockets.close(good);
    await expectClean(sockets, service);
  });

  it('no more clients are served at once than the bound; the next one waits for its turn', async () => {
    const sockets = new FakeSockets();
    const service = startTcpEcho(sockets, { maxClients: 2 });
    const fds = [sockets.dial(7), sockets.dial(7), sockets.dial(7)];
    await turns();
    expect(service.counters).to.include({ clients: 2, served: 2 });
    sockets.close(fds[0]!);
    await turns();
    expect(service.counters).to.include({ clients: 2, served: 3 });
    service.stop();
    await service.stopped;
    expect(service.counters.clients).to.equal(0);
  });

  for (const [code, failures] of [
    ['ECONNABORTED', 0],
    ['EMFILE', 1],
    ['ENFILE', 1],
  ] as const) {
    it(`accept failing with ${code} does not end the service`, async () => {
      const sockets = new FakeSockets();
      sockets.failNext('accept', code);
      const service = startTcpEcho(sockets);
      await new Promise((resolve) => setTimeout(resolve, 60));
      const fd = sockets.dial(7);
      await sendAll(sockets, fd, Buffer.from('x'));
      expect((await sockets.readAll(fd, 1)).toString()).to.equal('x');
      expect(service.counters.failures).to.equal(failures);
      sockets.close(fd);
      await expectClean(sockets, service);
    });
  }

  const starts: readonly [string, (sockets: AppSockets, options: { signal: AbortSignal }) => Service][] = [
    ['over TCP', startTcpEcho],
    ['over UDP', startUdpEcho],
  ];
  for (const [name, start] of starts) {
    it(`${name}: an aborted signal ends it`, async () => {
      const sockets = new FakeSockets();
      const controller = new AbortController();
      const service = start(sockets, { signal: controller.signal });
      await turns();
      controller.abort();
      await service.stopped;
      expect(sockets.open).to.equal(0);
      await start(sockets, { signal: controller.signal }).stopped; // aborted beforehand
      expect(sockets.open).to.equal(0);
    });

    it(`${name}: the end of the host ends it`, async () => {
      const sockets = new FakeSockets();
      const service = start(sockets, { signal: new AbortController().signal });
      if (service.transport === 'tcp') sockets.dial(7);
      await turns();
      sockets.closeAll();
      await service.stopped;
      expect(service.counters.clients).to.equal(0);
    });

    it(`${name}: failing to start leaves no descriptor behind`, () => {
      const sockets = new FakeSockets();
      sockets.failNext('bind', 'EADDRINUSE');
      expect(() => start(sockets, { signal: new AbortController().signal })).to.throw('EADDRINUSE');
      expect(sockets.open).to.equal(0);
    });
  }

  it('all services start together, and end together', async () => {
    const sockets = new FakeSockets();
    const running = startServices({ sockets, snapshot: () => ({}) });
    const list = running.services.map(({ name, transport, port }) => `${name} ${transport} ${port}`);
    expect(list).to.deep.equal([
      ...['echo tcp 7', 'echo udp 7', 'discard tcp 9', 'discard udp 9', 'daytime tcp 13', 'daytime udp 13'],
      ...['chargen tcp 19', 'chargen udp 19', 'man-page tcp 12345', 'http tcp 80'],
    ]);
    running.stop();
    await running.stopped;
    expect(sockets.open).to.equal(0);
  });

  it('a taken port is named, and none of the services stays', async () => {
    const sockets = new FakeSockets();
    const plans = [...ALL_SERVICES, { name: 'http', port: 13 } as const];
    expect(() => startServices({ sockets, snapshot: () => ({}) }, plans))
      .to.throw(PortInUseError)
      .with.property('message', 'port 13, which http wants, is in use');
    await turns();
    expect(sockets.open).to.equal(0);
  });
});

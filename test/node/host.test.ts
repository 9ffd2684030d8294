/**
 * Hosts in real time: what createHost refuses, how hosts end, and several of them in one process.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { MS } from '../../src/core/time.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { patternBytes } from '../../src/lab/transfer.ts';
import { cable } from '../../src/link/cable.ts';
import { impair } from '../../src/link/impair.ts';
import type { ImpairSettings } from '../../src/link/impairment.ts';
import type { Link } from '../../src/link/link.ts';
import { stream } from '../../src/link/stream.ts';
import { EthernetSwitch } from '../../src/link/switch.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import type { HostOptions } from '../../src/node/host-options.ts';
import { AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from '../../src/socket/constants.ts';
import { codeOf, until } from '../support/wait.ts';

const PORT = 7;
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Hosts that a test has made; whatever became of the test, they end. */
const hosts: Host[] = [];

async function makeHost(options: HostOptions): Promise<Host> {
  const host = await createHost(options);
  hosts.push(host);
  return host;
}

/** 10.0.0.1 and 10.0.0.2 on a cable, spoilt for the first as told. */
async function pair(settings: { outgoing?: ImpairSettings; incoming?: ImpairSettings } = {}): Promise<[Host, Host]> {
  const [left, right] = cable({ names: ['left', 'right'] });
  const spoilt = impair(left, { ...settings, random: new SeededRandom(2) });
  const one = await makeHost({ link: spoilt, address: '10.0.0.1/24' });
  return [one, await makeHost({ link: right, address: '10.0.0.2/24' })];
}

/** A listener on a host. */
function listenOn({ sockets }: Host, port = PORT): number {
  const fd = sockets.socket(AF_INET, SOCK_STREAM);
  sockets.bind(fd, { address: '0.0.0.0', port });
  sockets.listen(fd);
  return fd;
}

/** A connection from one host to another: the two descriptors. */
async function connected(from: Host, to: Host, address = '10.0.0.2'): Promise<[client: number, server: number]> {
  const listener = listenOn(to);
  const client = from.sockets.socket(AF_INET, SOCK_STREAM);
  const [server] = await Promise.all([
    to.sockets.accept(listener),
    from.sockets.connect(client, { address, port: PORT }),
  ]);
  to.sockets.close(listener);
  return [client, server];
}

/** Reads to the end of the stream. */
async function readAll({ sockets }: Host, fd: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = await sockets.recv(fd);
    if (part.length === 0) return Buffer.concat(parts);
    parts.push(part);
  }
}

/** Echoes every connection until the host ends. */
async function echo(host: Host, port = PORT): Promise<void> {
  const { sockets } = host;
  const listener = listenOn(host, port);
  const serve = async (fd: number): Promise<void> => {
    for (let data = await sockets.recv(fd); data.length > 0; data = await sockets.recv(fd))
      await sockets.send(fd, data);
    sockets.close(fd);
  };
  const ignore = (): void => undefined;
  try {
    for (;;) void serve(await sockets.accept(listener)).catch(ignore);
  } catch {
    // The host has ended.
  }
}

async function echoThrough(host: Host, address: string, data: Uint8Array): Promise<Uint8Array> {
  const { sockets } = host;
  const fd = sockets.socket(AF_INET, SOCK_STREAM);
  await sockets.connect(fd, { address, port: PORT });
  const [received] = await Promise.all([readAll(host, fd), sockets.send(fd, data).then(() => sockets.shutdown(fd, 1))]);
  sockets.close(fd);
  return received;
}

/**
 * Runs a script in a process of its own; resolves to what it printed, rejects when it does not end by itself within 15 s. It is a
 * file, since TypeScript on the command line is not compiled.
 */
async function runScript(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-'));
  try {
    const file = join(folder, 'script.mts');
    writeFileSync(file, script.replaceAll("'./src/", `'${process.cwd()}/src/`));
    return (await promisify(execFile)(process.execPath, ['--import', 'tsx', file], { timeout: 15_000 })).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

describe('createHost', () => {
  const link = (): Link => cable()[0];
  const rows: readonly (readonly [name: string, options: () => unknown, type: string, message: RegExp])[] = [
    [
      'an address without a length',
      () => ({ link: link(), address: '10.0.0.2' }),
      'TypeError',
      /'10\.0\.0\.2' is not of the form a\.b\.c\.d\/length/,
    ],
    [
      'an address that is none',
      () => ({ link: link(), address: '10.0.0.256/24' }),
      'TypeError',
      /'10\.0\.0\.256\/24' is not of the form/,
    ],
    [
      'a length that is none',
      () => ({ link: link(), address: '10.0.0.2/33' }),
      'TypeError',
      /'10\.0\.0\.2\/33' is not of the form/,
    ],
    ['an address that is no text', () => ({ link: link(), address: 10 }), 'TypeError', /address 10 is not of the form/],
    [
      'addresses that are no text',
      () => ({ link: link(), address: [null] }),
      'TypeError',
      /address null is not of the form/,
    ],
    ['an empty address', () => ({ link: link(), address: '' }), 'TypeError', /address '' is not of the form/],
    [
      'an IPv6 address',
      () => ({ link: link(), address: 'fe80::1/64' }),
      'TypeError',
      /'fe80::1\/64' is not of the form/,
    ],
    ['length 0', () => ({ link: link(), address: '10.0.0.2/0' }), 'TypeError', /'10\.0\.0\.2\/0' .* must be 1 to 32/],
    ['0.0.0.0', () => ({ link: link(), address: '0.0.0.0/24' }), 'TypeError', /'0\.0\.0\.0\/24' .* stands for no host/],
    [
      'a loopback address',
      () => ({ link: link(), address: '127.0.0.1/8' }),
      'TypeError',
      /'127\.0\.0\.1\/8' .* inside every host/,
    ],
    [
      'a multicast address',
      () => ({ link: link(), address: '224.0.0.1/24' }),
      'TypeError',
      /'224\.0\.0\.1\/24' .* multicast/,
    ],
    [
      'a reserved address',
      () => ({ link: link(), address: '250.0.0.1/24' }),
      'TypeError',
      /'250\.0\.0\.1\/24' .* reserved/,
    ],
    ['255.255.255.255', () => ({ link: link(), address: '255.255.255.255/32' }), 'TypeError', /reserved/],
    [
      'the network itself',
      () => ({ link: link(), address: '10.0.0.0/24' }),
      'TypeError',
      /'10\.0\.0\.0\/24' .* network itself/,
    ],
    [
      'the broadcast address',
      () => ({ link: link(), address: '10.0.0.255/24' }),
      'TypeError',
      /'10\.0\.0\.255\/24' .* broadcast/,
    ],
    [
      'an address given twice',
      () => ({ link: link(), address: ['10.0.0.2/24', '10.0.0.2/16'] }),
      'TypeError',
      /10\.0\.0\.2\/16 is given twice/,
    ],
    ['an address without a link', () => ({ address: '10.0.0.2/24' }), 'TypeError', /needs a link/],
    [
      'a MAC address that is none',
      () => ({ link: link(), mac: '02:00' }),
      'TypeError',
      /mac '02:00' is not of the form/,
    ],
    [
      'a group MAC address',
      () => ({ link: link(), mac: '01:00:5e:00:00:01' }),
      'TypeError',
      /'01:00:5e:00:00:01' is a group/,
    ],
    [
      'the MAC address of nobody',
      () => ({ link: link(), mac: '00:00:00:00:00:00' }),
      'TypeError',
      /stands for no station/,
    ],
    [
      'a gateway that is none',
      () => ({ link: link(), address: '10.0.0.2/24', gateway: 'router' }),
      'TypeError',
      /'router' is not of the form a\.b\.c\.d/,
    ],
    [
      'a gateway elsewhere',
      () => ({ link: link(), address: '10.0.0.2/24', gateway: '10.0.1.1' }),
      'TypeError',
      /10\.0\.1\.1 lies in no network/,
    ],
    [
      'oneself as gateway',
      () => ({ link: link(), address: '10.0.0.2/24', gateway: '10.0.0.2' }),
      'TypeError',
      /own address/,
    ],
    [
      'a broadcast gateway',
      () => ({ link: link(), address: '10.0.0.2/24', gateway: '10.0.0.255' }),
      'TypeError',
      /10\.0\.0\.255 cannot be a router/,
    ],
    ['a promise as link', () => ({ link: Promise.resolve(link()) }), 'TypeError', /not a Promise; await it/],
    ['no link', () => ({ link: 'tap0' }), 'TypeError', /link must be a link, .* not 'tap0'/],
    [
      'an interface without a link',
      () => ({ interfaces: [{ address: '10.0.0.2/24' }] }),
      'TypeError',
      /link must be a link, .* not undefined/,
    ],
    [
      'one link twice',
      () => ((one) => ({ link: one, interfaces: [{ link: one }] }))(link()),
      'TypeError',
      /'cable-a' is given twice/,
    ],
    [
      'an unknown tunable',
      () => ({ link: link(), config: { tcp: { speed: 1 } } }),
      'RangeError',
      /config\.tcp\.speed is not known/,
    ],
    [
      'a negative tunable',
      () => ({ link: link(), config: { tcp: { msl: -1 } } }),
      'RangeError',
      /config\.tcp\.msl must be .* not -1/,
    ],
    [
      'a tunable of the wrong type',
      () => ({ link: link(), config: { tcp: { timestamps: 1 } } }),
      'RangeError',
      /must be a boolean, not 1/,
    ],
    [
      'a negative time to look for',
      () => ({ link: link(), driver: { lookFor: -1 } }),
      'RangeError',
      /driver\.lookFor .* not -1/,
    ],
    ['an empty budget', () => ({ link: link(), driver: { budget: 0 } }), 'RangeError', /driver\.budget .* not 0/],
  ];
  for (const [name, options, type, message] of rows) {
    it(`refuses ${name}`, async () => {
      let failure: unknown = undefined;
      try {
        await makeHost(options() as HostOptions);
      } catch (error) {
        failure = error;
      }
      expect(failure).to.be.instanceOf(Error);
      const { name: kind, message: text } = failure as Error;
      expect(text).to.match(message);
      expect(kind).to.equal(type);
      expect(text).to.not.contain('\n');
    });
  }

  it('takes several addresses and interfaces', async () => {
    const [a, b] = [link(), link()];
    const host = await makeHost({
      link: a,
      address: ['10.0.0.2/24', '192.168.1.2/32'],
      gateway: '10.0.0.1',
      interfaces: [{ link: b, address: '10.1.0.2/31', mac: '02:00:00:00:00:02' }, { link: link() }],
    });
    const { interfaces, routes } = host.snapshot();
    expect(interfaces.map((one) => one.addresses)).to.deep.equal([
      ['127.0.0.1/8'],
      ['10.0.0.2/24', '192.168.1.2/32'],
      ['10.1.0.2/31'],
      [],
    ]);
    expect(interfaces[2]!.mac).to.equal('02:00:00:00:00:02');
    expect(routes.map((one) => one.destination)).to.include('0.0.0.0/0');
  });

  it('without a link a host speaks to itself', async () => {
    const host = await makeHost({});
    void echo(host);
    expect(same(await echoThrough(host, '127.0.0.1', patternBytes(100_000)), patternBytes(100_000))).to.equal(true);
  });

  const quick = { arp: { probeWait: 5 * MS, probeMin: 5 * MS, probeMax: 10 * MS, announceWait: 10 * MS } };

  it('probe: resolves once nobody has objected', async () => {
    const [left, right] = cable();
    await makeHost({ link: right, address: '10.0.0.9/24' });
    const host = await makeHost({ link: left, address: '10.0.0.1/24', probe: true, config: quick });
    expect(host.snapshot().interfaces[1]!.addresses).to.deep.equal(['10.0.0.1/24']);
  });

  it('probe: rejects when the address is taken, and leaves nothing running', async () => {
    const [left, right] = cable({ names: ['mine', 'other'] });
    await makeHost({ link: right, address: '10.0.0.1/24' });
    let failure: unknown = undefined;
    try {
      await makeHost({ link: left, address: '10.0.0.1/24', probe: true, config: quick });
    } catch (error) {
      failure = error;
    }
    expect((failure as Error).message).to.equal('10.0.0.1 is in use by another station on mine');
    expect(left.nextDeadline(), 'its link is closed').to.equal(Infinity);
  });
});

describe('a host', () => {
  it('carries a mebibyte both ways', async () => {
    const [a, b] = await pair();
    const [client, server] = await connected(a, b);
    const data = patternBytes(1 << 20);
    const give = async (host: Host, fd: number): Promise<void> => {
      await host.sockets.send(fd, data);
      host.sockets.shutdown(fd, 1);
    };
    const results = await Promise.all([readAll(a, client), readAll(b, server), give(a, client), give(b, server)]);
    expect(same(results[0], data) && same(results[1], data)).to.equal(true);
  });

  it('carries them over a line that loses, repeats and delays', async () => {
    const bad = { loss: 0.02, duplication: 0.02, delay: 1 * MS, jitter: 1 * MS };
    const [a, b] = await pair({ outgoing: bad, incoming: bad });
    void echo(b);
    const data = patternBytes(100_000);
    expect(same(await echoThrough(a, '10.0.0.2', data), data)).to.equal(true);
  });

  it('shows all of itself in a snapshot', async () => {
    const [a, b] = await pair();
    const [client, server] = await connected(a, b);
    const udp = b.sockets.socket(AF_INET, SOCK_DGRAM);
    b.sockets.bind(udp, { address: '0.0.0.0', port: 2000 });
    listenOn(b, 8080);
    await a.sockets.send(client, patternBytes(1000));
    await b.sockets.recv(server);
    const prober = a.sockets.socket(AF_INET, SOCK_DGRAM);
    await a.sockets.sendto(prober, patternBytes(10), { address: '10.0.0.2', port: 9 });
    await until(() => b.snapshot().drops['udp-no-port'] === 1);
    const snapshot = b.snapshot();
    expect(snapshot.time).to.be.above(0);
    expect(snapshot.interfaces.map((one) => one.name)).to.deep.equal(['lo', 'right']);
    expect(snapshot.interfaces[1]).to.include({ up: true, mtu: 1500 });
    expect(snapshot.interfaces[1]!.framesIn).to.be.above(3);
    expect(snapshot.interfaces[1]!.octetsIn).to.be.above(1000);
    expect(snapshot.routes).to.deep.include({
      destination: '10.0.0.0/24',
      gateway: undefined,
      interface: 'right',
      metric: 0,
      kind: 'connected',
    });
    expect(snapshot.neighbors[0]).to.include({ interface: 'right', address: '10.0.0.1' });
    expect(snapshot.listeners).to.have.length(1);
    expect(snapshot.listeners[0]).to.include({ local: '0.0.0.0:8080', waiting: 0, cookiesSent: 0 });
    expect(snapshot.connections).to.have.length(1);
    expect(snapshot.connections[0]).to.include({ state: 'ESTABLISHED', bytesReceived: 1000, unread: 0 });
    expect(snapshot.udpPorts).to.deep.equal([{ local: '0.0.0.0:2000', remote: undefined }]);
    expect(snapshot.descriptors).to.equal(3);
    expect(snapshot.icmp.errorsSent).to.equal(1);
    expect(snapshot.udp).to.include({ received: 1, delivered: 0 });
    expect(snapshot.ip.received).to.be.above(3);
    expect(JSON.parse(JSON.stringify(snapshot))).to.have.property('drops');
  });

  it('several of them on a switch serve each other', async () => {
    const bridge = new EthernetSwitch({ ports: 5 });
    const all = await Promise.all(bridge.ports.map((link, i) => makeHost({ link, address: `10.0.0.${i + 1}/24` })));
    for (const host of all) void echo(host);
    const talks = all.flatMap((from, i) =>
      all.map((_, j) => echoThrough(from, `10.0.0.${j + 1}`, patternBytes(5000, 5 * i + j))),
    );
    const echoes = await Promise.all(talks);
    echoes.forEach((received, i) => expect(same(received, patternBytes(5000, i)), `talk ${i}`).to.equal(true));
    expect(bridge.table(0 as never)).to.have.length(5);
  });

  it('works over Duplex streams', async () => {
    const [left, right] = duplexPair();
    const a = await makeHost({ link: stream(left, { mtu: 1500, name: 'pipe-a' }), address: '10.0.0.1/24' });
    const b = await makeHost({ link: stream(right, { mtu: 1500, name: 'pipe-b' }), address: '10.0.0.2/24' });
    void echo(b);
    const data = patternBytes(300_000);
    expect(same(await echoThrough(a, '10.0.0.2', data), data)).to.equal(true);
  });

  it('sends and receives datagrams and raw messages', async () => {
    const [a, b] = await pair();
    const udp = b.sockets.socket(AF_INET, SOCK_DGRAM);
    b.sockets.bind(udp, { address: '0.0.0.0', port: 53 });
    const raw = b.sockets.socket(AF_INET, SOCK_RAW, 200);
    const from = a.sockets.socket(AF_INET, SOCK_DGRAM);
    await a.sockets.sendto(from, 'hello', { address: '10.0.0.2', port: 53 });
    const got = await b.sockets.recvfrom(udp);
    expect([Buffer.from(got.data).toString(), got.address]).to.deep.equal(['hello', '10.0.0.1']);
    await a.sockets.sendto(a.sockets.socket(AF_INET, SOCK_RAW, 200), 'raw', { address: '10.0.0.2', port: 0 });
    expect(Buffer.from((await b.sockets.recvfrom(raw)).data.subarray(20)).toString()).to.equal('raw');
  });

  it('refused and unreachable peers are named in the error', async () => {
    const [a] = await pair();
    const fd = a.sockets.socket(AF_INET, SOCK_STREAM);
    expect(await codeOf(a.sockets.connect(fd, { address: '10.0.0.2', port: 81 }))).to.equal('ECONNREFUSED');
    const other = a.sockets.socket(AF_INET, SOCK_STREAM);
    expect(await codeOf(a.sockets.connect(other, { address: '8.8.8.8', port: 81 }))).to.equal('ENETUNREACH');
  });
});

describe('aborting a call', () => {
  it('accept, connect, recv, recvfrom and send reject with the reason, and the descriptor stays usable', async () => {
    const [a, b] = await pair();
    const [client, server] = await connected(a, b);
    const udp = a.sockets.socket(AF_INET, SOCK_DGRAM);
    a.sockets.bind(udp, { address: '0.0.0.0', port: 2000 });
    const listener = listenOn(a, 2001);
    const silent = a.sockets.socket(AF_INET, SOCK_STREAM);
    const calls: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => a.sockets.accept(listener, undefined, { signal }),
      (signal) => a.sockets.connect(silent, { address: '10.0.0.77', port: 1 }, { signal }),
      (signal) => a.sockets.recv(client, 10, { signal }),
      (signal) => a.sockets.recvfrom(udp, 10, { signal }),
      (signal) => a.sockets.send(client, new Uint8Array(64 << 20), { signal }),
    ];
    for (const call of calls) {
      const controller = new AbortController();
      const reason = new Error('enough');
      const failed = call(controller.signal).then(
        () => 'none',
        (error: unknown) => error,
      );
      await sleep(2);
      controller.abort(reason);
      expect(await failed, call.toString()).to.equal(reason);
      const again = call(controller.signal).then(
        () => 'none',
        (error: unknown) => error,
      );
      expect(await again, 'aborted before').to.equal(reason);
    }
    await b.sockets.send(server, 'still here');
    expect(Buffer.from(await a.sockets.recv(client)).toString()).to.equal('still here');
  });

  it('AbortSignal.timeout bounds a call', async () => {
    const [a] = await pair();
    const listener = listenOn(a);
    const name = await a.sockets.accept(listener, undefined, { signal: AbortSignal.timeout(5) }).then(
      () => 'none',
      (error: unknown) => (error as Error).name,
    );
    expect(name).to.equal('TimeoutError');
  });
});

describe('the end of a host', () => {
  it('close: waiting calls are cancelled, later ones fail, nothing opens any more', async () => {
    const [a, b] = await pair();
    const [client] = await connected(a, b);
    const listener = listenOn(a, 2001);
    const waiting = [a.sockets.recv(client), a.sockets.accept(listener)].map(codeOf);
    a.close();
    a.close();
    expect(await Promise.all(waiting)).to.deep.equal(['ECANCELED', 'ECANCELED']);
    expect(await codeOf(a.sockets.recv(client))).to.equal('EBADF');
    expect(() => a.sockets.socket(AF_INET, SOCK_STREAM)).to.throw(/ENETDOWN/);
    expect(a.snapshot().descriptors).to.equal(0);
    await a.shutdown();
  });

  it('shutdown after close does not wait', async () => {
    const [a, b] = await pair();
    await connected(a, b);
    a.close();
    const ended = await Promise.race([a.shutdown(60_000).then(() => 'at once'), sleep(10_000, 'late', { ref: false })]);
    expect(ended).to.equal('at once');
  });

  it('await using: what was queued is still delivered', async () => {
    const [left, right] = cable();
    const b = await makeHost({ link: right, address: '10.0.0.2/24' });
    const data = patternBytes(2_000_000);
    let whole: Promise<Uint8Array>;
    {
      await using a = await createHost({ link: left, address: '10.0.0.1/24' });
      const [client, server] = await connected(a, b);
      whole = readAll(b, server).finally(() => b.sockets.close(server));
      await a.sockets.send(client, data);
    }
    expect(same(await whole, data)).to.equal(true);
  });

  it('shutdown: also over a line that loses', async () => {
    const [a, b] = await pair({ outgoing: { loss: 0.05 } });
    const [client, server] = await connected(a, b);
    const data = patternBytes(100_000);
    const whole = readAll(b, server).finally(() => b.sockets.close(server));
    await a.sockets.send(client, data);
    await a.shutdown(20_000);
    expect(same(await whole, data)).to.equal(true);
    expect(a.driver.closed).to.equal(true);
  });

  it('shutdown: a datagram that waits for ARP is still sent', async () => {
    const [a, b] = await pair();
    const udp = b.sockets.socket(AF_INET, SOCK_DGRAM);
    b.sockets.bind(udp, { address: '0.0.0.0', port: 53 });
    const got = b.sockets.recvfrom(udp);
    void a.sockets.sendto(a.sockets.socket(AF_INET, SOCK_DGRAM), 'last words', { address: '10.0.0.2', port: 53 });
    await a.shutdown();
    expect(Buffer.from((await got).data).toString()).to.equal('last words');
  });

  it('shutdown ends after its patience when the peer does not read', async () => {
    const [a, b] = await pair();
    const [client] = await connected(a, b);
    void a.sockets.send(client, new Uint8Array(20 << 20)).catch(() => undefined);
    await sleep(5);
    await a.shutdown(50);
    expect(a.driver.closed).to.equal(true);
  });

  it('the peer of a host that was shut down reads the end', async () => {
    const [a, b] = await pair();
    const [, server] = await connected(a, b);
    const end = readAll(b, server).finally(() => b.sockets.close(server));
    await a.shutdown();
    expect((await end).length).to.equal(0);
  });

  it('nothing keeps the process alive after close, shutdown and await using, with connections and calls open', async () => {
    const script = `
      import { createHost } from './src/node/host.ts';
      import { cable } from './src/link/cable.ts';
      import { AF_INET, SOCK_STREAM, SOL_SOCKET, SO_RCVTIMEO } from './src/socket/constants.ts';

      async function connectedPair() {
        const [left, right] = cable();
        const a = await createHost({ link: left, address: '10.0.0.1/24' });
        const b = await createHost({ link: right, address: '10.0.0.2/24' });
        const listener = b.sockets.socket(AF_INET, SOCK_STREAM);
        b.sockets.bind(listener, { address: '0.0.0.0', port: 7 });
        b.sockets.listen(listener);
        const client = a.sockets.socket(AF_INET, SOCK_STREAM);
        const to = { address: '10.0.0.2', port: 7 };
        const [server] = await Promise.all([b.sockets.accept(listener), a.sockets.connect(client, to)]);
        a.sockets.setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, { sec: 100, usec: 0 });
        const waits = [b.sockets.poll([{ fd: server, events: 1, revents: 0 }], 100_000), b.sockets.epollWait(b.sockets.epollCreate1(), 1, 100_000)];
        for (const call of [b.sockets.accept(listener), b.sockets.recv(server), a.sockets.recv(client), ...waits]) {
          call.catch(() => undefined);
        }
        return [a, b];
      }
      for (const host of await connectedPair()) host.close();
      await Promise.all((await connectedPair()).map((host) => host.shutdown()));
      {
        const [a, b] = await connectedPair();
        await using one = a;
        await using two = b;
      }
      process.stdout.write('ended');`;
    expect(await runScript(script)).to.equal('ended');
  }).timeout(30_000);
});

describe('examples/echo.ts', () => {
  it('runs as it stands, on a cable in place of the device', async () => {
    const example = readFileSync('examples/echo.ts', 'utf8')
      .replace(/from 'tapstack'/, "from './src/index.ts'")
      .replace(/await tap\('tap0'\)/, 'globalThis.exampleLink');
    expect(example).to.contain('globalThis.exampleLink');
    const script = `
      import { cable as makeCable, createHost as makeHost } from './src/index.ts';
      const [near, far] = makeCable();
      globalThis.exampleLink = far;
      async function tryIt() {
        const client = await makeHost({ link: near, address: '10.0.0.1/24' });
        const { sockets } = client;
        for (let i = 0; i < 3; i++) {
          const fd = sockets.socket(2, 1);
          await sockets.connect(fd, { address: '10.0.0.2', port: 7 });
          await sockets.send(fd, 'hello ' + i);
          process.stdout.write(new TextDecoder().decode(await sockets.recv(fd)) + ';');
          sockets.shutdown(fd, 1);
          process.stdout.write((await sockets.recv(fd)).length + '.');
          sockets.close(fd);
        }
        process.exit();
      }
      setTimeout(tryIt, 10);
      ${example}`;
    expect(await runScript(script)).to.equal('hello 0;0.hello 1;0.hello 2;0.');
  }).timeout(30_000);
});

/** Two streams, each of which reads what the other writes, chunk by chunk. */
function duplexPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        other().push(chunk);
        setImmediate(done);
      },
      readableObjectMode: true,
    });
  const left: Duplex = make(() => right);
  const right: Duplex = make(() => left);
  return [left, right];
}

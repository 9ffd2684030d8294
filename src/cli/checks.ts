/**
 * What the tour tries: each entry does one thing, throws when it fails and returns the figure for its line when it does not.
 */
import { createHash, randomBytes } from 'node:crypto';
import { CHARGEN_PERIOD, CHARGEN_PORT, chargenPattern } from '../app/chargen.ts';
import { DAYTIME_PORT } from '../app/daytime.ts';
import { DISCARD_PORT } from '../app/discard.ts';
import { ECHO_PORT } from '../app/echo.ts';
import { ping } from '../app/ping.ts';
import type { RunningServices } from '../app/services.ts';
import { MAN_PAGE_PORT } from '../app/services.ts';
import { errorCode, sendAll } from '../app/sockets.ts';
import type { AppSockets } from '../app/sockets.ts';
import { AF_INET, SHUT_WR, SOCK_STREAM } from '../socket/constants.ts';
import { Collector } from './peer.ts';
import type { Peer } from './peer.ts';

/** What a check works with. */
export interface Bench {
  /** The host under test: its address, MAC address, sockets and services. */
  readonly address: string;
  readonly mac: string;
  readonly sockets: AppSockets;
  readonly services: RunningServices;
  readonly peer: Peer;
}

/** What a check has to tell when it passed. */
export interface Finding {
  /** The figure, e.g. '3 of 3, mean 0.21 ms'. */
  readonly figure: string;
  /** The tool it was done with. */
  readonly how: string;
}

export interface Check {
  readonly name: string;
  run(bench: Bench): Promise<Finding>;
}

/** Octets of the bulk transfers: seconds even without offload on a slow machine. */
const BULK = 16 * 1024 * 1024;
/** Connections opened one after another. */
const CONNECTIONS = 200;
/** Ports for what the host connects to; nothing else listens in a lab. */
const LISTEN_PORT = 5001;
const CLOSED_PORT = 47;

const text = (octets: Uint8Array): string => Buffer.from(octets).toString();
const digest = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

function require(condition: boolean, complaint: string): void {
  if (!condition) throw new Error(complaint);
}

function rate(octets: number, start: number): string {
  const seconds = (performance.now() - start) / 1000;
  return `${Math.round(octets / 2 ** 20)} MiB in ${seconds.toFixed(2)} s, ${Math.round((octets * 8) / seconds / 1e6)} Mbit/s`;
}

async function pings(bench: Bench, size: number): Promise<Finding> {
  const { how, sent, received, mean } = await bench.peer.ping(bench.address, 3, size);
  require(received === sent, `${received} of ${sent} answered`);
  return { how, figure: `${received} of ${sent} answered, mean ${mean.toFixed(2)} ms` };
}

/** Sends octets to a TCP port and wants the same back. */
async function echoes(bench: Bench, port: number, send: Uint8Array): Promise<string> {
  const { how, data } = await bench.peer.talk(bench.address, { port, send, receive: send.length });
  require(data.length === send.length, `${data.length} of ${send.length} octets came back`);
  require(digest(data) === digest(send), 'what came back differs from what was sent');
  return how;
}

/** A connection that the host opens, closed at the end. */
async function connected<T>(bench: Bench, port: number, use: (fd: number) => Promise<T>): Promise<T> {
  const { sockets, peer } = bench;
  const fd = sockets.socket(AF_INET, SOCK_STREAM, 0);
  try {
    await sockets.connect(fd, { address: peer.address, port });
    return await use(fd);
  } finally {
    sockets.close(fd);
  }
}

async function readGreeting(sockets: AppSockets, fd: number, length: number): Promise<string> {
  const collector = new Collector();
  while (collector.length < length) {
    const data = await sockets.recv(fd, length);
    if (data.length === 0) break;
    collector.add(data);
  }
  return text(collector.bytes());
}

/** The host connects to a listener of the peer, is greeted, sends, and finishes sending. */
async function sendTo(bench: Bench, port: number, send: Uint8Array): Promise<Finding> {
  const greeting = Buffer.from('welcome to the lab\n');
  const { how, received } = await bench.peer.listen(port, greeting);
  // Awaited below; a failure of the connection must not leave it unhandled.
  received.catch(() => undefined);
  const start = performance.now();
  const data = await connected(bench, port, async (fd) => {
    const heard = await readGreeting(bench.sockets, fd, greeting.length);
    require(heard === greeting.toString(), `the greeting arrived as '${heard}'`);
    await sendAll(bench.sockets, fd, send);
    bench.sockets.shutdown(fd, SHUT_WR);
    return received;
  });
  require(data.length === send.length, `${data.length} of ${send.length} octets arrived`);
  require(digest(data) === digest(send), 'what arrived differs from what was sent');
  return { how, figure: rate(send.length, start) };
}

/** The service's pattern, whatever the length. */
function isChargen(data: Uint8Array): boolean {
  const expected = chargenPattern(Math.ceil(data.length / CHARGEN_PERIOD));
  return Buffer.compare(data, expected.subarray(0, data.length)) === 0;
}

const TO_HOST: readonly Check[] = [
  { name: 'ping, 56 octets of data', run: (bench) => pings(bench, 56) },
  { name: 'ping, 1472 octets: a full frame', run: (bench) => pings(bench, 1472) },
  {
    name: 'ARP: the neighbour table has the host',
    run: async ({ peer, address, mac: own }) => {
      const { how, mac } = await peer.neighbour(address);
      require(mac === own, `it has ${mac}, the host is ${own}`);
      return { how, figure: mac };
    },
  },
  {
    name: 'HTTP page on port 80',
    run: async ({ peer, address }) => {
      const { how, status, body } = await peer.httpGet(address, '/');
      require(status === 200, `status ${status}`);
      require(body.includes('</html>'), 'the page is cut off');
      return { how, figure: `status 200, ${body.length} octets` };
    },
  },
  {
    name: 'HTTP: the same as JSON',
    run: async ({ peer, address }) => {
      const { how, status, body } = await peer.httpGet(address, '/json');
      require(status === 200, `status ${status}`);
      return { how, figure: Object.keys(JSON.parse(body) as object).join(', ') };
    },
  },
  {
    name: 'echo over TCP, port 7',
    run: async (bench) => ({
      how: await echoes(bench, ECHO_PORT, Buffer.from('hello\n')),
      figure: "'hello' came back",
    }),
  },
  {
    name: 'echo over UDP, port 7',
    run: async ({ peer, address }) => {
      const { how, data } = await peer.talkUdp(address, ECHO_PORT, Buffer.from('hello\n'));
      require(text(data) === 'hello\n', `'${text(data)}' came back`);
      return { how, figure: "'hello' came back" };
    },
  },
  {
    name: 'daytime, port 13',
    run: async ({ peer, address }) => {
      const { how, data } = await peer.talk(address, { port: DAYTIME_PORT });
      require(/^\w+, \w+ \d+, \d{4} \d\d:\d\d:\d\d-UTC\r\n$/.test(text(data)), `it said '${text(data)}'`);
      return { how, figure: text(data).trim() };
    },
  },
  {
    name: "the man page's server, port 12345",
    run: async (bench) => ({
      how: await echoes(bench, MAN_PAGE_PORT, Buffer.from('socket bind listen accept\n')),
      figure: 'echoed',
    }),
  },
  {
    name: 'a closed port refuses',
    run: async ({ peer, address }) => ({
      ...(await peer.beRefused(address, CLOSED_PORT)),
      figure: `port ${CLOSED_PORT}: refused`,
    }),
  },
  {
    name: 'connections one after another',
    run: async ({ peer, address }) => {
      const start = performance.now();
      const { how } = await peer.connectOften(address, ECHO_PORT, CONNECTIONS);
      const seconds = (performance.now() - start) / 1000;
      return { how, figure: `${CONNECTIONS} served, ${Math.round(CONNECTIONS / seconds)} a second` };
    },
  },
];

const BULK_CHECKS: readonly Check[] = [
  {
    name: 'bulk out of the host: chargen, port 19',
    run: async ({ peer, address }) => {
      const start = performance.now();
      const { how, data } = await peer.talk(address, { port: CHARGEN_PORT, receive: BULK });
      const figure = rate(data.length, start);
      require(data.length >= BULK, `the host closed after ${data.length} octets`);
      require(isChargen(data), 'the pattern is damaged');
      return { how, figure };
    },
  },
  {
    name: 'bulk into the host: discard, port 9',
    run: async ({ peer, address, services }) => {
      const { counters } = services.services.find((one) => one.port === DISCARD_PORT && one.transport === 'tcp')!;
      const before = counters.octetsIn;
      const start = performance.now();
      const until = (): boolean => counters.octetsIn - before >= BULK;
      const { how } = await peer.talk(address, { port: DISCARD_PORT, send: new Uint8Array(BULK), until });
      require(until(), `${counters.octetsIn - before} of ${BULK} octets arrived`);
      return { how, figure: rate(BULK, start) };
    },
  },
  {
    name: 'bulk both ways: echo, SHA-256 compared',
    run: async (bench) => {
      const start = performance.now();
      const how = await echoes(bench, ECHO_PORT, randomBytes(BULK / 2));
      return { how, figure: rate(BULK, start) };
    },
  },
];

const FROM_HOST: readonly Check[] = [
  {
    name: 'the host pings, by a raw ICMP socket',
    run: async ({ sockets, peer }) => {
      const { sent, received, times } = await ping(sockets, peer.address, { count: 3 });
      require(received === sent, `${received} of ${sent} answered`);
      const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
      return { how: 'SOCK_RAW', figure: `${received} of ${sent} answered, mean ${mean.toFixed(2)} ms` };
    },
  },
  {
    name: 'the host connects, is greeted and sends, SHA-256 compared',
    run: (bench) => sendTo(bench, LISTEN_PORT, randomBytes(BULK)),
  },
  {
    name: 'the host is refused by a closed port',
    run: async (bench) => {
      try {
        await connected(bench, CLOSED_PORT, () => Promise.resolve());
      } catch (error) {
        require(errorCode(error) === 'ECONNREFUSED', `connect failed with ${errorCode(error)}`);
        return { how: 'connect', figure: 'ECONNREFUSED' };
      }
      throw new Error('it connected');
    },
  },
];

/** Everything, in the order of the tour. */
export const CHECKS: readonly Check[] = [...TO_HOST, ...BULK_CHECKS, ...FROM_HOST];

/** SocketDuplex over AF_UNIX: what is written for Node's streams, on both ends of a stream inside the stack. */
import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, RequestOptions, Server } from 'node:http';
import { Readable, Writable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SocketDuplex } from '../../src/node/duplex.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import type { UnixAddress } from '../../src/socket/address.ts';
import { AF_UNIX, SOCK_STREAM } from '../../src/socket/constants.ts';

const PAGE: UnixAddress = { family: AF_UNIX, path: '/page' };
const MIB = 1 << 20;

/** Octets that tell where they belong. */
const pattern = (seed: number): Buffer =>
  Buffer.from(Array.from({ length: MIB }, (_, i) => (i * 7 + (i >> 8) + seed) & 255));

/** Writes all of `data`, ends, and resolves to all that comes. */
async function exchange(duplex: Duplex, data: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  await Promise.all([pipeline(Readable.from([data]), duplex), pipeline(duplex, sink)]);
  return Buffer.concat(chunks);
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

describe('a socket of AF_UNIX as a Duplex', () => {
  let host: Host;
  beforeEach(async () => {
    host = await createHost();
  });
  afterEach(() => host.close());

  const pair = (): SocketDuplex[] =>
    host.sockets.socketpair(AF_UNIX, SOCK_STREAM).map((fd) => new SocketDuplex(host.sockets, fd));

  it('carries a MiB each way at once, and closes when both have ended', async () => {
    const [one, other] = pair() as [SocketDuplex, SocketDuplex];
    const closed = Promise.all([once(one, 'close'), once(other, 'close')]);
    const [atOne, atOther] = await Promise.all([exchange(one, pattern(1)), exchange(other, pattern(2))]);
    expect([atOne.equals(pattern(2)), atOther.equals(pattern(1))]).to.deep.equal([true, true]);
    expect([one.bytesRead, one.bytesWritten]).to.deep.equal([MIB, MIB]);
    await closed;
  });

  it('has no addresses, and knows nothing of TCP, as net.Socket over a pipe', () => {
    const [one, other] = pair() as [SocketDuplex, SocketDuplex];
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = one;
    expect([remoteAddress, remotePort, remoteFamily, localAddress, localPort]).to.deep.equal(Array(5).fill(undefined));
    expect(one.setNoDelay().setKeepAlive(true).ref().unref()).to.equal(one);
    one.destroy();
    other.destroy();
  });

  it('is no stream without a peer: ENOTCONN', () => {
    const { sockets } = host;
    expect(() => new SocketDuplex(sockets, sockets.socket(AF_UNIX, SOCK_STREAM))).to.throw('ENOTCONN');
  });

  it('a peer that closes with something unread is an error with its code', async () => {
    const [one, other] = pair() as [SocketDuplex, SocketDuplex];
    const failed = once(one, 'error') as Promise<[NodeJS.ErrnoException]>;
    one.write('never read');
    other.destroy();
    one.resume();
    expect((await failed)[0].code).to.equal('ECONNRESET');
  });

  describe('under node:http', () => {
    let server: Server;
    let listener: number;
    let connections = 0;

    /** Accepts until the listener is closed. */
    async function serve(): Promise<void> {
      const { accept } = host.sockets;
      for (;;) {
        const fd = await accept(listener);
        connections++;
        server.emit('connection', new SocketDuplex(host.sockets, fd));
      }
    }

    /** An agent that has one connection, to the path. */
    async function dial(keepAlive: boolean): Promise<Agent> {
      const { socket, connect } = host.sockets;
      const fd = socket(AF_UNIX, SOCK_STREAM);
      await connect(fd, PAGE);
      const client = new SocketDuplex(host.sockets, fd);
      return Object.assign(new Agent({ keepAlive, maxSockets: 1 }), { createConnection: () => client });
    }

    async function ask(options: RequestOptions, body = ''): Promise<[number | undefined, string]> {
      const asking = request({ host: 'page', ...options });
      asking.end(body);
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      return [response.statusCode, await textOf(response)];
    }

    beforeEach(() => {
      const { socket, bind, listen } = host.sockets;
      connections = 0;
      listener = socket(AF_UNIX, SOCK_STREAM);
      bind(listener, PAGE);
      listen(listener, 5);
      server = createServer((incoming, response) => {
        void textOf(incoming).then((body) => response.end(`${incoming.method} ${incoming.url} ${body.length}`));
      });
      serve().catch(() => undefined);
    });
    afterEach(() => server.close());

    it('answers a request at a path', async () => {
      const body = 'x'.repeat(300_000);
      const answer = await ask({ method: 'PUT', path: '/page', agent: await dial(false) }, body);
      expect(answer).to.deep.equal([200, 'PUT /page 300000']);
    });

    it('answers several on a connection that an agent keeps', async () => {
      const agent = await dial(true);
      for (const path of ['/1', '/2', '/3']) {
        expect(await ask({ path, agent })).to.deep.equal([200, `GET ${path} 0`]);
      }
      expect(connections).to.equal(1);
      agent.destroy();
    });
  });
});

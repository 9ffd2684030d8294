import { expect } from 'chai';
import { once } from 'node:events';
import { SocketDuplex } from '../../src/node/duplex.ts';
import { FakeSockets } from '../support/fake-sockets.ts';

/** A fake connection: `duplex` is the server's end, `client` the descriptor at the other. */
async function connection(): Promise<{ sockets: FakeSockets; duplex: SocketDuplex; client: number }> {
  const sockets = new FakeSockets();
  const listener = sockets.socket(2, 1, 0);
  sockets.bind(listener, { address: '0.0.0.0', port: 5 });
  const client = sockets.dial(5);
  const fd = await sockets.accept(listener);
  sockets.close(listener);
  return { sockets, duplex: new SocketDuplex(sockets, fd), client };
}

describe('a socket as a Duplex', () => {
  it('reads what the peer sends until it finishes', async () => {
    const { sockets, duplex, client } = await connection();
    await sockets.send(client, Buffer.from('one '));
    await sockets.send(client, Buffer.from('two'));
    sockets.shutdown(client);
    const chunks: Buffer[] = [];
    for await (const chunk of duplex as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).to.equal('one two');
    expect(duplex.bytesRead).to.equal(7);
  });

  it('writes everything although send takes a part at a time, joins what waits, and half-closes at the end', async () => {
    const { sockets, duplex, client } = await connection();
    sockets.sendLimit = 1000;
    const long = Buffer.alloc(100_000, 'x');
    duplex.cork();
    duplex.write('head ');
    duplex.write('tail ');
    duplex.uncork();
    duplex.write(long);
    duplex.end('end');
    const data = await sockets.readAll(client);
    expect(data.equals(Buffer.concat([Buffer.from('head tail '), long, Buffer.from('end')]))).to.be.true;
    expect(duplex.bytesWritten).to.equal(data.length);
    expect(duplex.destroyed).to.be.false; // the other direction is still open
    sockets.shutdown(client);
    duplex.resume();
    await once(duplex, 'close');
    expect(sockets.open).to.equal(1);
  });

  it('destroy closes the descriptor once, under a waiting read', async () => {
    const { sockets, duplex } = await connection();
    duplex.resume();
    await new Promise((resolve) => setImmediate(resolve));
    duplex.destroy();
    await once(duplex, 'close');
    duplex.destroy();
    expect(sockets.open).to.equal(1);
  });

  it('a reset is an error with its code', async () => {
    const { sockets, duplex, client } = await connection();
    duplex.resume();
    const failed = once(duplex, 'error') as Promise<[NodeJS.ErrnoException]>;
    sockets.reset(client);
    expect((await failed)[0].code).to.equal('ECONNRESET');
  });

  it('a write to a peer that has gone fails with EPIPE', async () => {
    const { sockets, duplex, client } = await connection();
    sockets.close(client);
    const failed = once(duplex, 'error') as Promise<[NodeJS.ErrnoException]>;
    duplex.write('anybody?');
    expect((await failed)[0].code).to.equal('EPIPE');
  });

  it("emits 'timeout' when idle, and no sooner while octets move", async () => {
    const { sockets, duplex, client } = await connection();
    duplex.resume();
    let timeouts = 0;
    duplex.setTimeout(50, () => timeouts++);
    expect(duplex.timeout).to.equal(50);
    await sockets.send(client, Buffer.from('x'));
    expect(timeouts).to.equal(0);
    await once(duplex, 'timeout');
    expect(timeouts).to.equal(1);
    duplex.setTimeout(0);
    duplex.destroy();
  });

  it('tells its addresses and sets TCP_NODELAY and SO_KEEPALIVE', async () => {
    const { sockets, duplex } = await connection();
    expect(duplex).to.include({ remoteAddress: '10.0.0.1', remotePort: 40000, remoteFamily: 'IPv4', localPort: 5 });
    duplex.setNoDelay();
    duplex.setKeepAlive(true);
    expect(sockets.options).to.deep.equal(['6/1=1', '1/9=1']);
    duplex.destroy();
  });
});

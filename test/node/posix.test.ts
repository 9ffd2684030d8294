import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { posix, strerror } from '../../src/node/posix.ts';
import * as c from '../../src/socket/constants.ts';
import { PEER, sentBy, setUp } from './fakes.ts';

describe('posix', () => {
  it('returns -1 and sets errno', async () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    const { socket, bind, listen, accept, close } = p;
    expect(socket(c.AF_INET, c.SOCK_STREAM, 17)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EPROTONOSUPPORT);
    expect(strerror(p.errno)).to.equal('Protocol not supported');
    const fd = socket(c.AF_INET, c.SOCK_STREAM, 0);
    expect(fd).to.equal(3);
    expect(p.errno).to.equal(Errno.EPROTONOSUPPORT);
    expect([bind(fd, { address: '0.0.0.0', port: 7 }), listen(fd, 5)]).to.deep.equal([0, 0]);
    const accepting = accept(fd);
    expect(close(fd)).to.equal(0);
    expect(await accepting).to.equal(-1);
    expect(p.errno).to.equal(Errno.ECANCELED);
    expect(close(fd)).to.equal(-1);
    expect(p.errno).to.equal(Errno.EBADF);
  });

  it('reads and writes', async () => {
    const { sockets, open } = setUp();
    const p = posix({ sockets });
    const { fd, connection } = await open();
    const buffer = new Uint8Array(16);
    connection.arrive('hello');
    expect(await p.read(fd, buffer)).to.equal(5);
    expect(await p.write(fd, buffer.subarray(0, 5))).to.equal(5);
    expect(sentBy(connection)).to.equal('hello');
    const name = { address: '', port: 0 };
    expect(p.getpeername(fd, name)).to.equal(0);
    expect(name).to.deep.equal(PEER);
    const into: { value: unknown } = { value: undefined };
    expect(p.getsockopt(fd, c.SOL_SOCKET, c.SO_TYPE, into as never)).to.equal(0);
    expect(into.value).to.equal(c.SOCK_STREAM);
  });

  it('throws what is no failed call', () => {
    const { sockets } = setUp();
    const p = posix({ sockets });
    const fd = p.socket(c.AF_INET, c.SOCK_STREAM, 0);
    expect(() => p.bind(fd, { address: 'example', port: 1 })).to.throw(TypeError);
  });
});

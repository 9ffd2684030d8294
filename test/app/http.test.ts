import { expect } from 'chai';
import { MAX_HEADER, MAX_TARGET, startHttp } from '../../src/app/http.ts';
import type { HttpOptions } from '../../src/app/http.ts';
import type { Service } from '../../src/app/service.ts';
import { sendAll } from '../../src/app/sockets.ts';
import { FakeSockets } from '../support/fake-sockets.ts';

const SNAPSHOT = { interfaces: [{ name: 'tap0', mtu: 1500 }], drops: {}, note: '<b>' };

describe('the HTTP page', () => {
  let sockets: FakeSockets;
  let service: Service;

  const start = (options: Partial<HttpOptions> = {}): void => {
    sockets = new FakeSockets();
    service = startHttp(sockets, { snapshot: () => SNAPSHOT, ...options });
  };

  afterEach(async () => {
    service.stop();
    await service.stopped;
    expect(service.counters.clients).to.equal(0);
  });

  /** Sends octets and returns everything that comes back until the server closes. */
  const exchange = async (text: string): Promise<string> => {
    const fd = sockets.dial(80);
    await sendAll(sockets, fd, Buffer.from(text, 'latin1'));
    const answer = await sockets.readAll(fd);
    sockets.close(fd);
    return answer.toString();
  };

  const get = (path: string, method = 'GET', headers = ''): string =>
    `${method} ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${headers}\r\n`;

  it('/ shows the snapshot as HTML', async () => {
    start({ title: 'tapstack 10.0.0.2' });
    const answer = await exchange(get('/'));
    expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).to.include('Content-Type: text/html; charset=utf-8');
    expect(answer).to.include('<h1>tapstack 10.0.0.2</h1>');
    expect(answer).to.include('<td>tap0</td><td class="number">1500</td>');
    expect(answer).to.include('&#60;b&#62;');
    expect(answer).not.to.match(/<script|https?:\/\//);
  });

  it('/json is the same as JSON', async () => {
    start();
    const answer = await exchange(get('/json'));
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).to.deep.equal(SNAPSHOT);
  });

  it('HEAD sends the header only', async () => {
    start();
    const [head, body] = (await exchange(get('/', 'HEAD'))).split('\r\n\r\n');
    expect(head).to.match(/200 OK[\s\S]*Content-Length: [1-9]/);
    expect(body).to.equal('');
  });

  it('a connection serves one request after another, pipelined ones in order', async () => {
    start();
    const one = 'GET /json HTTP/1.1\r\nHost: h\r\n\r\n';
    const answer = await exchange(one + one.replace('/json', '/none') + get('/json'));
    expect([...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((match) => match[1])).to.deep.equal(['200', '404', '200']);
    const both = await exchange(one + get('/json'));
    expect([...both.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((match) => match[1])).to.deep.equal(['200', '200']);
  });

  const refusals: readonly [name: string, request: string, status: number, detail?: RegExp][] = [
    ['an unknown path', get('/none'), 404],
    ['a path that tries to climb', get('/../../etc/passwd'), 404],
    ['POST', get('/', 'POST'), 405, /Allow: GET, HEAD/],
    ['OPTIONS', get('/', 'OPTIONS'), 405, /Allow: GET, HEAD/],
    ['a body', get('/', 'GET', 'Content-Length: 5\r\n') + 'hello', 413],
    ['a chunked body', get('/', 'GET', 'Transfer-Encoding: chunked\r\n') + '0\r\n\r\n', 413],
    ['a long target', get(`/${'a'.repeat(MAX_TARGET)}`), 414],
    ['a long header', get('/', 'GET', `X: ${'a'.repeat(MAX_HEADER)}\r\n`), 431],
    ['an endless request line', `GET /${'a'.repeat(5 * MAX_HEADER)}`, 431],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['nonsense', 'hello\r\n\r\n', 400],
    ['octets of another protocol', '\x16\x03\x01\x02\x00', 400],
    ['two lengths that differ', get('/', 'GET', 'Content-Length: 1\r\nContent-Length: 2\r\n'), 400],
    ['a header line without a colon', get('/', 'GET', 'nonsense\r\n'), 400],
  ];
  for (const [name, request, status, detail] of refusals) {
    it(`${name}: ${status}, and the connection is closed`, async () => {
      start();
      const answer = await exchange(request);
      expect(answer).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).to.include('Connection: close');
      if (detail !== undefined) expect(answer).to.match(detail);
    });
  }

  it('HTTP/1.0 without Host is answered and closed', async () => {
    start();
    expect(await exchange('GET /json HTTP/1.0\r\n\r\n')).to.match(/^HTTP\/1\.1 200 OK/);
  });

  it('a request that does not come to its end is given up: 408', async () => {
    start({ requestTimeout: 50 });
    expect(await exchange('GET / HTTP/1.1\r\nHost: h\r\n')).to.match(/^HTTP\/1\.1 408 /);
  });

  it('a connection that says nothing is closed', async () => {
    start({ idleTimeout: 50 });
    expect(await exchange('')).to.match(/^$|408/);
  });

  it('a client that goes away in the middle does no harm', async () => {
    start();
    const fd = sockets.dial(80);
    await sendAll(sockets, fd, Buffer.from('GET / HT'));
    sockets.reset(fd);
    expect(await exchange(get('/'))).to.match(/200 OK/);
  });

  it('a snapshot that throws does not take the service down', async () => {
    let fail = true;
    start({
      snapshot: () => {
        if (fail) throw new Error('snapshot failed');
        return {};
      },
    });
    expect(await exchange(get('/'))).to.match(/^HTTP\/1\.1 500 /);
    fail = false;
    expect(await exchange(get('/'))).to.match(/^HTTP\/1\.1 200 /);
  });
});

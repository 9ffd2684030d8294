import { expect } from 'chai';
import fc from 'fast-check';
import { Errno } from '../../../src/core/errno.ts';
import * as c from '../../../src/socket/constants.ts';
import { runs, timeFor } from '../../support/runs.ts';
import { UnixScene, at } from './scene.ts';

const { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, POLLHUP } = c;
const FILES = 40;

/** A scene, and its check that nothing is left when all descriptors are closed. */
function setUp(maxRightsInFlight = 100): { scene: UnixScene; expectNothingLeft: () => void } {
  const scene = new UnixScene({ maxSockets: FILES, maxRightsInFlight });
  const expectNothingLeft = (): void => {
    scene.calls.closeAll();
    expect(scene.room(), 'files left').to.equal(FILES);
    const [a, b] = scene.pair(SOCK_DGRAM);
    const fits = new Array<number>(maxRightsInFlight).fill(a);
    expect(scene.pass(a, ...fits), 'rights left').to.equal(1);
    scene.calls.close(b);
  };
  return { scene, expectNothingLeft };
}

/** Whether a socket behind an open descriptor is closed, which must not be: it is neither connected nor open then. */
function isClosed({ calls }: UnixScene, type: number, fd: number): boolean {
  if (type === SOCK_DGRAM) return (calls.readiness(fd) & POLLHUP) !== 0;
  const received = calls.recv(fd, new Uint8Array(1), c.MSG_PEEK);
  return received === -Errno.EINVAL || received === -Errno.ENOTCONN;
}

describe('SCM_RIGHTS', () => {
  for (const type of [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET]) {
    describe(`over type ${type}`, () => {
      it('ETOOMANYREFS beyond config.socket.maxRightsInFlight, until some are received', () => {
        const { scene, expectNothingLeft } = setUp(3);
        const [a, b] = scene.pair(type);
        expect(scene.pass(a, a, b)).to.equal(1);
        expect(scene.pass(a, a, b)).to.equal(-Errno.ETOOMANYREFS);
        expect(scene.pass(a, a)).to.equal(1);
        expect(scene.pass(a, a)).to.equal(-Errno.ETOOMANYREFS);
        expect(scene.take(b)).to.have.length(2);
        expect(scene.pass(a, a)).to.equal(1);
        expectNothingLeft();
      });

      it('a message that is not sent holds nothing', () => {
        const { scene, expectNothingLeft } = setUp();
        const [a, b] = scene.pair(type);
        const [x, y] = scene.pair(SOCK_STREAM);
        scene.calls.shutdown(a, c.SHUT_WR);
        expect(scene.pass(a, x)).to.equal(-Errno.EPIPE);
        scene.calls.close(x);
        expect(scene.calls.readiness(y) & POLLHUP).to.equal(POLLHUP);
        scene.calls.close(b);
        expectNothingLeft();
      });

      it('a socket that waits in itself is collected with its last descriptor', () => {
        const { scene, expectNothingLeft } = setUp();
        const [a, b] = scene.pair(type);
        const [x, y] = scene.pair(SOCK_STREAM);
        scene.pass(a, b);
        scene.pass(a, x);
        scene.calls.close(x);
        scene.calls.close(b);
        expect(scene.calls.readiness(y) & POLLHUP).to.equal(POLLHUP);
        expectNothingLeft();
      });

      it('two sockets that wait in each other are collected', () => {
        const { scene, expectNothingLeft } = setUp();
        const [a, b] = scene.pair(type);
        const [x, y] = scene.pair(SOCK_STREAM);
        scene.pass(a, a);
        scene.pass(b, b, x);
        scene.calls.close(x);
        scene.calls.close(a);
        expect(scene.calls.readiness(y) & POLLHUP).to.equal(0);
        scene.calls.close(b);
        expect(scene.calls.readiness(y) & POLLHUP).to.equal(POLLHUP);
        expectNothingLeft();
      });

      it('a socket that waits where somebody may still receive it is not', () => {
        const { scene, expectNothingLeft } = setUp();
        const [a, b] = scene.pair(type);
        const [x, y] = scene.pair(type);
        // x waits in itself and in b, which is open.
        scene.pass(y, x);
        scene.pass(a, x);
        scene.calls.close(x);
        const [again] = scene.take(b) as readonly [number];
        expect(scene.take(again)).to.have.length(1);
        expectNothingLeft();
      });
    });
  }

  it('a connection that nobody accepts is emptied with its listener, though that waits in it', () => {
    const { scene, expectNothingLeft } = setUp();
    const listener = scene.listening(SOCK_STREAM, 'l');
    const client = scene.socket(SOCK_STREAM);
    scene.calls.connect(client, at('l'));
    const [x, y] = scene.pair(SOCK_STREAM);
    scene.pass(client, listener, x);
    scene.calls.close(x);
    expect(scene.calls.readiness(y) & POLLHUP).to.equal(0);
    scene.calls.close(listener);
    expect(scene.calls.readiness(y) & POLLHUP).to.equal(POLLHUP);
    expect(scene.calls.getsockopt(client, c.SOL_SOCKET, c.SO_ERROR)).to.equal(Errno.ECONNRESET);
    expectNothingLeft();
  });

  it('a chain of sockets, each in the next, is released whatever its length', () => {
    const scene = new UnixScene({ maxSockets: 4010, maxRightsInFlight: 2000 });
    let [, inner] = scene.pair(SOCK_STREAM);
    for (let length = 0; length < 1900; length++) {
      const [a, b] = scene.pair(SOCK_STREAM);
      expect(scene.pass(a, inner)).to.equal(1);
      scene.calls.close(inner);
      scene.calls.close(a);
      inner = b;
    }
    scene.calls.closeAll();
    expect(scene.room()).to.equal(4010);
  });

  it('whatever is sent over whatever: what can be received works, and what cannot is gone', () => {
    const step = fc.record({
      kind: fc.constantFrom('pass', 'pass', 'pass', 'close', 'take', 'dup'),
      on: fc.nat(11),
      what: fc.nat(11),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET),
        fc.array(step, { maxLength: 60 }),
        (type, steps) => {
          const { scene, expectNothingLeft } = setUp();
          const open = Array.from({ length: 6 }, () => scene.pair(type)).flat();
          for (const { kind, on, what } of steps) {
            const fd = open[on % open.length]!;
            if (kind === 'pass') scene.pass(fd, open[what % open.length]!);
            if (kind === 'dup' && open.length < 30) open.push(scene.calls.dup(fd));
            if (kind === 'close' && open.length > 1) {
              open.splice(on % open.length, 1);
              scene.calls.close(fd);
            }
            if (kind === 'take') {
              const taken = scene.take(fd);
              if (typeof taken !== 'number') open.push(...taken);
            }
          }
          // All that waits where it can be received, and what waits in that.
          for (const fd of open) {
            expect(isClosed(scene, type, fd)).to.equal(false);
            for (let taken = scene.take(fd); typeof taken !== 'number' && taken.length > 0; taken = scene.take(fd)) {
              open.push(...taken);
            }
          }
          expectNothingLeft();
        },
      ),
      runs(100),
    );
  }).timeout(timeFor(100, 50));
});

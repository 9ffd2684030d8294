import { expect } from 'chai';
import { Errno } from '../../../src/core/errno.ts';
import * as c from '../../../src/socket/constants.ts';
import type { Message } from '../../../src/socket/message.ts';
import { UnixScene, at, octets } from './scene.ts';

const { SOCK_STREAM, SOCK_DGRAM, SOL_SOCKET, SO_PEERCRED, SO_PASSCRED, SCM_CREDENTIALS } = c;

describe('Unix sockets and the tunables', () => {
  it('config.socket.maxDatagramQueue: one more than so many wait for a receiver', () => {
    const scene = new UnixScene({ maxDatagramQueue: 2 });
    scene.bound(SOCK_DGRAM, 'r');
    const sender = scene.socket(SOCK_DGRAM);
    const results = Array.from({ length: 4 }, () => scene.calls.sendto(sender, octets('x'), 0, at('r')));
    expect(results).to.deep.equal([1, 1, 1, -Errno.EAGAIN]);
  });

  it('config.socket.maxBacklog bounds what listen asks for', () => {
    const scene = new UnixScene({ maxBacklog: 1 });
    scene.listening(SOCK_STREAM, 'l', 100);
    const results = Array.from({ length: 3 }, () => scene.calls.connect(scene.socket(SOCK_STREAM), at('l')));
    expect(results).to.deep.equal([0, 0, -Errno.EAGAIN]);
  });

  it('config.socket.maxSockets: a pair takes two, and none when there is room for one', () => {
    const scene = new UnixScene({ maxSockets: 3 });
    scene.pair(SOCK_STREAM);
    const fds: number[] = [];
    expect(scene.calls.socketpair(c.AF_UNIX, SOCK_STREAM, 0, fds)).to.equal(-Errno.ENFILE);
    expect(fds).to.deep.equal([]);
    expect(scene.room()).to.equal(1);
  });

  it('descriptors that the table has no room for are closed, and MSG_CTRUNC tells it', () => {
    const scene = new UnixScene({ maxDescriptors: 3 });
    const [a, b] = scene.pair(SOCK_STREAM);
    expect(scene.pass(a, a, b)).to.equal(1);
    const message: Message = { iov: [new Uint8Array(1)], control: [] };
    expect(scene.calls.recvmsg(b, message)).to.equal(1);
    expect(message.control![0]!.data).to.have.length(1);
    expect(message.flags).to.equal(c.MSG_CTRUNC);
  });

  it('config.socket.processId, userId and groupId: who the programs are', () => {
    const scene = new UnixScene({ processId: 77, userId: 1000, groupId: 100 });
    const own = { pid: 77, uid: 1000, gid: 100 };
    const [a, b] = scene.pair(SOCK_STREAM);
    expect(scene.calls.getsockopt(a, SOL_SOCKET, SO_PEERCRED)).to.deep.equal(own);
    scene.calls.setsockopt(b, SOL_SOCKET, SO_PASSCRED, 1);
    scene.send(a, 'x');
    const message: Message = { iov: [new Uint8Array(1)], control: [] };
    expect(scene.calls.recvmsg(b, message)).to.equal(1);
    expect(message.control).to.deep.equal([{ level: SOL_SOCKET, type: SCM_CREDENTIALS, data: own }]);
  });

  it('config.socket.mayAdminister: to say other credentials than one has', () => {
    const said = { pid: 1, uid: 5, gid: 6 };
    const control = [{ level: SOL_SOCKET, type: SCM_CREDENTIALS, data: said }] as const;
    for (const [mayAdminister, result] of [
      [true, 1],
      [false, -Errno.EPERM],
    ] as const) {
      const scene = new UnixScene({ mayAdminister });
      const [a] = scene.pair(SOCK_STREAM);
      expect(scene.calls.sendmsg(a, { iov: [octets('x')], control: [...control] })).to.equal(result);
    }
  });
});

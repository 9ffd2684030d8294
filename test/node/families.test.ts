/** Sockets of AF_UNIX and AF_PACKET on both faces: addresses in their own fields, pairs, messages with descriptors, waits for room. */
import { expect } from 'chai';
import { Errno } from '../../src/core/errno.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { posix } from '../../src/node/posix.ts';
import type { PacketAddress, UnixAddress } from '../../src/socket/address.ts';
import * as c from '../../src/socket/constants.ts';
import type { Message } from '../../src/socket/message.ts';
import { outcome, settle, text } from './fakes.ts';

const name = (path: string): UnixAddress => ({ family: c.AF_UNIX, path });

describe('the faces on other families than AF_INET', () => {
  let host: Host;
  beforeEach(async () => {
    host = await createHost();
  });
  afterEach(() => host.close());

  it('socketpair, read and write on both faces', async () => {
    const { socketpair, write, read } = host.sockets;
    const [one, other] = socketpair(c.AF_UNIX, c.SOCK_STREAM);
    const waiting = read(other, 9);
    expect(await write(one, 'hello')).to.equal(5);
    expect(text(await waiting)).to.equal('hello');
    const p = posix(host);
    const sv: number[] = [];
    expect([p.socketpair(c.AF_UNIX, c.SOCK_DGRAM, 0, sv), sv.length]).to.deep.equal([0, 2]);
    expect(await p.write(sv[0]!, 'x')).to.equal(1);
    expect(await p.read(sv[1]!, new Uint8Array(9))).to.equal(1);
  });

  it('names come in the fields of the family; an error names the path', async () => {
    const { socket, bind, getsockname, recvfrom, sendto, connect, unlink } = host.sockets;
    const [one, other] = [socket(c.AF_UNIX, c.SOCK_DGRAM), socket(c.AF_UNIX, c.SOCK_DGRAM)];
    bind(one, name('/one'));
    bind(other, name('\0other'));
    expect(getsockname<UnixAddress>(one).path).to.equal('/one');
    const waiting = recvfrom<UnixAddress>(one);
    await sendto(other, 'hello', name('/one'));
    const { data, path, family } = await waiting;
    expect([text(data), path, family]).to.deep.equal(['hello', '\0other', c.AF_UNIX]);
    const error: unknown = await connect(other, name('/nobody')).catch((reason: unknown) => reason);
    expect(error).to.include({ message: 'connect ENOENT /nobody', address: '/nobody' });
    unlink('/one');
    expect(() => unlink('/one')).to.throw('unlink ENOENT /one');
    const p = posix(host);
    expect([p.unlink('/one'), p.errno]).to.deep.equal([-1, Errno.ENOENT]);
  });

  it('a message that is waited for brings descriptors', async () => {
    const { socketpair, sendmsg, recvmsg, write, read } = host.sockets;
    const [one, other] = socketpair(c.AF_UNIX, c.SOCK_STREAM);
    const [left, right] = socketpair(c.AF_UNIX, c.SOCK_STREAM);
    const message: Message = { iov: [new Uint8Array(4)], control: [] };
    const waiting = recvmsg(other, message);
    const control = [{ level: c.SOL_SOCKET, type: c.SCM_RIGHTS, data: [left] } as const];
    await sendmsg(one, { iov: [new TextEncoder().encode('take')], control });
    expect(await waiting).to.equal(4);
    const [rights] = message.control!;
    expect(rights).to.include({ level: c.SOL_SOCKET, type: c.SCM_RIGHTS });
    const [passed] = rights!.data as readonly number[];
    await write(passed!, 'by way of it');
    expect(text(await read(right))).to.equal('by way of it');
  });

  it('connect to a listener without room waits for it, and does not keep the host busy', async () => {
    const { socket, bind, listen, accept, connect, close } = host.sockets;
    const listener = socket(c.AF_UNIX, c.SOCK_STREAM);
    bind(listener, name('\0full'));
    listen(listener, 0);
    await connect(socket(c.AF_UNIX, c.SOCK_STREAM), name('\0full'));
    const fd = socket(c.AF_UNIX, c.SOCK_STREAM);
    let over = false;
    const waiting = outcome(connect(fd, name('\0full'))).finally(() => (over = true));
    await settle();
    await settle();
    expect([over, host.stack.calls.deliverable]).to.deep.equal([false, false]);
    close(await accept(listener));
    expect(await waiting).to.equal(undefined);
  });

  it('a broken pipe: EPIPE, and onSigpipe hears of it', async () => {
    const p = posix(host);
    const heard: number[] = [];
    p.onSigpipe = (fd) => heard.push(fd);
    const [one, other] = host.sockets.socketpair(c.AF_UNIX, c.SOCK_STREAM);
    host.sockets.close(other);
    expect([await p.write(one, 'x'), p.errno, heard]).to.deep.equal([-1, Errno.EPIPE, [one]]);
    expect([await p.send(one, 'x', c.MSG_NOSIGNAL), heard.length]).to.deep.equal([-1, 1]);
  });

  it('a packet socket tells its interface', () => {
    const { socket, bind, getsockname, ifNameToIndex } = host.sockets;
    const interfaceIndex = ifNameToIndex('lo');
    const fd = socket(c.AF_PACKET, c.SOCK_DGRAM, 0);
    bind(fd, { family: c.AF_PACKET, protocol: c.ETH_P_IP, interfaceIndex });
    expect(getsockname<PacketAddress>(fd)).to.include({ protocol: c.ETH_P_IP, interfaceIndex });
    const p = posix(host);
    expect(p.if_nametoindex('lo')).to.equal(interfaceIndex);
  });
});

/**
 * Unix sockets of a stack that has no network, in a few words.
 */
import type { ConfigOverrides } from '../../../src/core/config.ts';
import type { NameOut, UnixAddress } from '../../../src/socket/address.ts';
import type { SocketCalls } from '../../../src/socket/calls.ts';
import * as c from '../../../src/socket/constants.ts';
import type { ControlMessage, Message } from '../../../src/socket/message.ts';
import { fakeHost } from '../../support/fake-services.ts';

export const at = (path: string): UnixAddress => ({ family: c.AF_UNIX, path });
export const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
export const rights = (...data: number[]): ControlMessage => ({ level: c.SOL_SOCKET, type: c.SCM_RIGHTS, data });

export class UnixScene {
  readonly calls: SocketCalls;

  constructor(overrides?: ConfigOverrides['socket']) {
    this.calls = fakeHost(overrides === undefined ? undefined : { socket: overrides }).calls;
  }

  socket(type: number): number {
    return this.calls.socket(c.AF_UNIX, type | c.SOCK_NONBLOCK, 0);
  }

  bound(type: number, path: string): number {
    const fd = this.socket(type);
    this.calls.bind(fd, at(path));
    return fd;
  }

  listening(type: number, path: string, backlog = 5): number {
    const fd = this.bound(type, path);
    this.calls.listen(fd, backlog);
    return fd;
  }

  pair(type: number): [number, number] {
    const fds: number[] = [];
    this.calls.socketpair(c.AF_UNIX, type | c.SOCK_NONBLOCK, 0, fds);
    return [fds[0]!, fds[1]!];
  }

  send(fd: number, text: string, flags = 0): number {
    return this.calls.send(fd, octets(text), flags);
  }

  /** The text, or a negative errno. */
  recv(fd: number, size = 100, flags = 0): string | number {
    const into = new Uint8Array(size);
    const count = this.calls.recv(fd, into, flags);
    return count < 0 ? count : new TextDecoder().decode(into.subarray(0, count));
  }

  /** Sends one octet with descriptors. */
  pass(fd: number, ...fds: number[]): number {
    return this.calls.sendmsg(fd, { iov: [octets('m')], control: [rights(...fds)] });
  }

  /** The descriptors that come with the next message or octets, or a negative errno. */
  take(fd: number): readonly number[] | number {
    const message: Message = { iov: [new Uint8Array(100)], control: [] };
    const count = this.calls.recvmsg(fd, message);
    return count < 0 ? count : message.control!.flatMap(({ type, data }) => (type === c.SCM_RIGHTS ? data : []));
  }

  name(fd: number): NameOut {
    const into: NameOut = {};
    this.calls.getsockname(fd, into);
    return into;
  }

  /** How many more sockets can be opened; they are closed again. */
  room(): number {
    const fds: number[] = [];
    for (let fd = this.socket(c.SOCK_DGRAM); fd >= 0; fd = this.socket(c.SOCK_DGRAM)) fds.push(fd);
    for (const fd of fds) this.calls.close(fd);
    return fds.length;
  }
}

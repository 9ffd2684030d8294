/**
 * Every call on one descriptor, and every kind of bad address: what the files on arguments have in common.
 */
import * as c from '../../../src/socket/constants.ts';
import { LO, PORT } from './scenes.ts';
import type { Json, Step } from './steps.ts';

const { AF_UNIX, AF_UNSPEC, AF_INET6, SOL_SOCKET } = c;

/** Every call on one descriptor. */
export const everything = (name: Json): readonly Step[] => [
  ['bind', name, LO, PORT],
  ['connect', name, LO, PORT],
  ['listen', name, 1],
  ['accept', name, 'k'],
  ['accept4', name, 'k', 0],
  ['accept4', name, 'k', 1],
  ['shutdown', name, c.SHUT_WR],
  ['shutdown', name, 9],
  ['getsockname', name],
  ['getpeername', name],
  ['send', name, 'x'],
  ['send', name, ''],
  ['send', name, 'x', c.MSG_OOB],
  ['sendto', name, 'x', 0, LO, PORT],
  ['sendto', name, 'x', 0, null],
  ['sendmsg', name, { iov: ['x'] }],
  ['recv', name, 4],
  ['recv', name, 0],
  ['recvfrom', name, 4],
  ['recvmsg', name, { iov: [4] }],
  ['setsockopt', name, SOL_SOCKET, c.SO_REUSEADDR, 1],
  ['setsockopt', name, 999, 999, 1],
  ['getsockopt', name, SOL_SOCKET, c.SO_TYPE],
  ['getsockopt', name, 999, 999],
];

/** What there is for files besides. */
export const files = (name: Json): readonly Step[] => [
  ['write', name, 'x'],
  ['write', name, ''],
  ['writev', name, 'x', 'y'],
  ['read', name, 4],
  ['read', name, 0],
  ['readv', name, 4, 4],
  ['ioctl', name, c.FIONREAD],
  ['ioctl', name, c.SIOCOUTQ],
  ['ioctl', name, c.SIOCATMARK],
  ['ioctl', name, c.FIONBIO, 1],
  ['ioctl', name, 0x1234],
  ['atmark', name],
  ['fcntl', name, c.F_GETFD],
  ['fcntl', name, c.F_GETFL],
  ['fcntl', name, c.F_SETFD, 1],
  ['fcntl', name, c.F_SETFL, c.O_NONBLOCK],
  ['fcntl', name, 999],
  ['dup', name, 'k2'],
  ['dup2', name, 40, 'k3'],
  ['dup3', name, 41, 0, 'k4'],
  ['poll', name],
  ['poll', name, c.POLLIN],
];

/** Addresses that are none, for bind, connect and sendto. */
export const badNames: readonly (readonly [string, readonly Json[]])[] = [
  ['NULL', [null]],
  ['no octets', [{ octets: [] }]],
  ['one octet', [{ octets: [2] }]],
  ['two octets', [{ octets: [2, 0] }]],
  ['seven octets', [{ inet: [LO, PORT], length: 7 }]],
  ['eight octets', [{ inet: [LO, PORT], length: 8 }]],
  ['fifteen octets', [{ inet: [LO, PORT], length: 15 }]],
  ['sixteen octets', [{ inet: [LO, PORT + 5], length: 16 }]],
  ['more octets than a sockaddr_in', [{ inet: [LO, PORT + 6], length: 28 }]],
  ['128 octets', [{ inet: [LO, PORT + 7], length: 128 }]],
  ['129 octets', [{ inet: [LO, PORT + 8], length: 129 }]],
  ['the family alone: AF_UNSPEC', [{ octets: [0, 0] }]],
  ['the family alone: AF_INET6', [{ octets: [10, 0] }]],
  ['AF_UNSPEC and any address', ['0.0.0.0', 0, AF_UNSPEC]],
  ['AF_UNSPEC and an address', [LO, PORT + 9, AF_UNSPEC]],
  ['AF_INET6', [LO, PORT, AF_INET6]],
  ['AF_UNIX', [LO, PORT, AF_UNIX]],
  ['a Unix address', [{ unix: 'name' }]],
  ['a Unix address as long as a sockaddr_in', [{ unix: 'name', length: 16 }]],
  ['a Unix address without a length', [{ unix: 'a longer name' }]],
  ['a packet address', [{ packet: { protocol: 0x0800, interface: 'lo', hardware: '00:00:00:00:00:00' } }]],
  ['a packet address of any interface', [{ packet: { protocol: 0x0800, interface: 0 } }]],
  ['an unknown family', [LO, PORT, 99]],
  ['family 65535', [LO, PORT, 65535]],
];

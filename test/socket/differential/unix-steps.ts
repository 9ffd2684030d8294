/**
 * Steps and cases that the files on AF_UNIX have in common.
 */
import * as c from '../../../src/socket/constants.ts';
import { one } from './steps.ts';
import type { Case, Json, Step } from './steps.ts';

const { AF_UNIX, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_NONBLOCK, SOL_SOCKET } = c;

/** The types by the names that they have in cases. */
export const TYPES = [
  ['stream', SOCK_STREAM],
  ['datagram', SOCK_DGRAM],
  ['seqpacket', SOCK_SEQPACKET],
] as const;
export const CONNECTED_TYPES = TYPES.filter(([, type]) => type !== SOCK_DGRAM);
export const MESSAGE_TYPES = TYPES.filter(([, type]) => type !== SOCK_STREAM);

/** One case for each type. */
export const each = (
  name: string,
  types: readonly (readonly [string, number])[],
  steps: (type: number) => readonly Step[],
): Case[] => types.map(([label, type]) => one(`unix, ${label}: ${name}`, ...steps(type)));

export const unix = (name: string, type: number): Step => ['socket', name, AF_UNIX, type | SOCK_NONBLOCK, 0];
export const pair = (type: number, a = 'a', b = 'b'): Step => ['socketpair', a, b, AF_UNIX, type | SOCK_NONBLOCK, 0];
export const at = (path: string): Json => ({ unix: path });
export const octets = (...sun: number[]): Json => ({ octets: [AF_UNIX, 0, ...sun] });
export const unspec: Json = { octets: [0, 0] };
export const error = (name: string): Step => ['getsockopt', name, SOL_SOCKET, c.SO_ERROR];
export const ask = (name: string): readonly Step[] => [
  ['getsockname', name],
  ['getpeername', name],
];

/** A bound socket. */
export const bound = (name: string, type: number, path: string): readonly Step[] => [
  unix(name, type),
  ['bind', name, at(path)],
];

/** l, a listener at the path 'server'. */
export const listening = (type: number, backlog = 5): readonly Step[] => [
  ...bound('l', type, 'server'),
  ['listen', 'l', backlog],
];

/** a, which is connected to b, accepted by l. */
export const connected = (type: number): readonly Step[] => [
  ...listening(type),
  unix('a', type),
  ['connect', 'a', at('server')],
  ['accept4', 'l', 'b', SOCK_NONBLOCK],
];

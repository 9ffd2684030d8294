/**
 * Steps that many cases begin with.
 */
import * as c from '../../../src/socket/constants.ts';
import type { Step } from './steps.ts';

export const LO = '127.0.0.1';
export const PORT = 7000;
/** Nothing listens here. */
export const SHUT_PORT = 9;
/** A network without a route in the namespace of the test. */
export const ELSEWHERE = '192.0.2.1';

export const tcp = (name: string): Step => ['socket', name, c.AF_INET, c.SOCK_STREAM, 0];
export const udp = (name: string): Step => ['socket', name, c.AF_INET, c.SOCK_DGRAM, 0];
export const raw = (name: string, protocol: number): Step => ['socket', name, c.AF_INET, c.SOCK_RAW, protocol];
/** An open descriptor that is no socket. */
export const epoll = (name: string): Step => ['epoll_create1', name, 0];

/** l listens. */
export const listening: readonly Step[] = [tcp('l'), ['bind', 'l', LO, PORT], ['listen', 'l', 2]];
/** c is connected to a. */
export const connected: readonly Step[] = [...listening, tcp('c'), ['connect', 'c', LO, PORT], ['accept', 'l', 'a']];
/** u sends to v, which is not connected. */
export const datagrams: readonly Step[] = [
  udp('v'),
  ['bind', 'v', LO, PORT],
  udp('u'),
  ['bind', 'u', LO, PORT + 1],
  ['connect', 'u', LO, PORT],
];

/** What a bad call must have left as it was. */
export const state = (name: string): readonly Step[] => [
  ['getsockname', name],
  ['getpeername', name],
  ['poll', name],
  ['getsockopt', name, c.SOL_SOCKET, c.SO_ERROR],
  ['getsockopt', name, c.SOL_SOCKET, c.SO_ACCEPTCONN],
];

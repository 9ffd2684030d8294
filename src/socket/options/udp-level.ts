/**
 * Options at IPPROTO_UDP. udp(7); net/ipv4/udp.c.
 */
import * as c from '../constants.ts';
import { at, flag, int } from './option.ts';
import type { OptionRow } from './option.ts';

/** Greatest UDP_SEGMENT: the kernel keeps it in 16 bits. */
const MAX_SEGMENT = 0xffff;

const udp = at(c.IPPROTO_UDP, 'datagram');

export const udpRows = (): readonly OptionRow[] => [
  flag(udp('UDP_CORK', c.UDP_CORK), 'udpCork'),
  int(
    udp('UDP_SEGMENT', c.UDP_SEGMENT),
    [0, MAX_SEGMENT],
    (socket) => socket.options.udpSegment,
    (socket, value) => socket.changeOptions({ udpSegment: value }),
  ),
  flag(udp('UDP_GRO', c.UDP_GRO), 'udpGro'),
];
